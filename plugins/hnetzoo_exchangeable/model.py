"""A recurrent exchangeable network on the distance matrix.

Every cell holds a state. A shared layer, applied again and again, updates it from itself, from the maxima of its row
and of its column, and from how it competes there: the log-softmax of a few learned scores along the row and along the
column. Whatever permutes rows or columns permutes the answer alike, and the weights know no size.

How ours differs from the paper: pooling is by maxima and log-softmax instead of means, the layer is shared and iterated
with a residual state, and rows and columns may be masked.

Source: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2 (exchangeable matrix layer).
"""

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableConfig

ABSENT = -1e4
"""Stands for a masked cell where maxima are taken: below any real value, and finite, so that no gradient is NaN."""
FEATURES = 3


class ExchangeableLayer(nn.Module):
    """Update the states of all cells from their rows and columns.

    Example:
        >>> layer = ExchangeableLayer(channels=8, scores=2)
        >>> state, cells = torch.rand(1, 2, 3, 8), torch.ones(1, 2, 3, 1, dtype=torch.bool)
        >>> layer(state, torch.rand(1, 2, 3, 3), cells).shape
        torch.Size([1, 2, 3, 8])
    """

    def __init__(self, channels: int, scores: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, scores)
        self.of_cell = nn.Linear(channels + FEATURES + 2 * scores, channels)
        self.of_row = nn.Linear(channels, channels, bias=False)
        self.of_column = nn.Linear(channels, channels, bias=False)
        self.update = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, state: Tensor, features: Tensor, cells: Tensor) -> Tensor:
        """Map state [b, n, m, c], features [b, n, m, 3] and bool [b, n, m, 1] to the next state."""
        scores = self.score(state).masked_fill(~cells, ABSENT)  # [b, n, m, s]
        competition = (torch.log_softmax(scores, 2), torch.log_softmax(scores, 1))
        competing = torch.cat(competition, -1).clamp(min=-10.0)  # beyond, a cell has lost, and only rounding grows
        present = state.masked_fill(~cells, ABSENT)
        hidden = self.of_cell(torch.cat((state, features, competing), -1))
        hidden = hidden + self.of_row(present.amax(2, keepdim=True)) + self.of_column(present.amax(1, keepdim=True))
        updated: Tensor = self.norm(state + self.update(torch.relu(hidden)))
        return updated


class Exchangeable(nn.Module):
    """Predict association logits from distances of any size.

    Args:
        config: Settings.
        shape: Ignored; the weights know no size.

    Example:
        >>> model = Exchangeable(ExchangeableConfig(), (2, 2))
        >>> model(torch.rand(4, 3, 5)).shape
        torch.Size([4, 3, 5])
    """

    def __init__(self, config: ExchangeableConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.iterations = config.iterations
        self.embed = nn.Linear(FEATURES, config.channels)
        self.layer = ExchangeableLayer(config.channels, config.scores)
        self.read = nn.Linear(config.channels, 1)

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Compute logits.

        Args:
            distance: Float [b, n, m], any unit; trained on chords.
            row_mask: Bool [b, n]; None means all True.
            col_mask: Bool [b, m]; None means all True.

        Returns:
            Float [b, n, m], before the sigmoid.

        Raises:
            ShapeError: If the shapes do not fit.
        """
        hnetzoo.check_problem_shapes(distance, row_mask, col_mask)
        if distance.numel() == 0:
            return distance
        cells = hnetzoo.valid_cells(*hnetzoo.full_masks(distance, row_mask, col_mask))
        features = _features(distance, cells)
        state = self.embed(features)  # [b, n, m, c]
        for _ in range(self.iterations):
            state = self.layer(state, features, cells.unsqueeze(-1))
        logits: Tensor = self.read(state).squeeze(-1)
        return logits


def _features(distance: Tensor, cells: Tensor) -> Tensor:
    """Describe each cell by its distance and by how far it is from the least of its row and column, [b, n, m, 3].

    The inverse hyperbolic sine keeps the scale of small numbers and tames far ones.
    """
    far = distance.masked_fill(~cells, -ABSENT)
    near = distance.masked_fill(~cells, 0.0)
    above_row, above_column = near - far.amin(2, keepdim=True), near - far.amin(1, keepdim=True)
    features = torch.stack((near, above_row, above_column), -1).asinh()
    return features.masked_fill(~cells.unsqueeze(-1), 0.0)
