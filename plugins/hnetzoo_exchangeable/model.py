"""A recurrent exchangeable network on the distance matrix.

Every pair has a state and a few potentials. A shared layer, applied repeatedly, normalises the potentials along rows
and columns as Sinkhorn's algorithm does, and updates the state of each pair from itself, from the normalised potentials
and from the maxima of its row and of its column; the state in turn changes the potentials. Permuting rows or columns
permutes the output in the same way, and the weights do not depend on the size.

How ours differs from the paper: pooling is by maxima and log-softmax instead of means, the layer is shared and iterated
with a residual state, potentials are carried along, and rows and columns may be masked.

Sources: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2 (exchangeable matrix
layer); R. Sinkhorn, P. Knopp, "Concerning Nonnegative Matrices and Doubly Stochastic Matrices", Pacific J. Math. 1967.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableConfig

LEAST_LOG_SHARE = -10.0
"""Least log-softmax passed to a state: smaller values only add rounding errors."""
LEAST_POTENTIAL = -60.0
LEAST_GAP = 1e-3
"""Least typical gap of a problem, by which its distances are divided [unit of the distances]."""
FEATURES = 5


class ExchangeableLayer(nn.Module):
    """The next states and potentials of all pairs, from those of their rows and columns.

    Example:
        >>> layer = ExchangeableLayer(channels=8, scores=2)
        >>> state, potential, features = torch.rand(1, 2, 3, 8), torch.rand(1, 2, 3, 2), torch.rand(1, 2, 3, 5)
        >>> state, potential = layer(state, potential, features, absent=torch.zeros(1, 2, 3, 1))
        >>> state.shape, potential.shape
        (torch.Size([1, 2, 3, 8]), torch.Size([1, 2, 3, 2]))
    """

    def __init__(self, channels: int, scores: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, scores)
        self.log_gain = nn.Parameter(torch.zeros(scores))
        self.of_cell = nn.Linear(channels + FEATURES + 2 * scores, channels)
        self.of_row = nn.Linear(channels, channels, bias=False)
        self.of_column = nn.Linear(channels, channels, bias=False)
        self.update = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, state: Tensor, potential: Tensor, features: Tensor, absent: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next state [b, n, m, c] and potential [b, n, m, s].

        `features` is [b, n, m, 5]; `absent`, [b, n, m, 1], is 0 for allowed pairs and `hnetzoo.ABSENT` elsewhere:
        adding it is several times as fast as masking, and as exact.
        """
        scores = potential + self.score(state) + absent
        in_row, in_column = torch.log_softmax(scores, 2), torch.log_softmax(scores, 1)
        competing = torch.cat((in_row, in_column), -1).clamp(min=LEAST_LOG_SHARE)
        present = state + absent
        hidden = self.of_cell(torch.cat((state, features, competing), -1))
        hidden = hidden + self.of_row(present.amax(2, keepdim=True)) + self.of_column(present.amax(1, keepdim=True))
        balanced = (in_row + in_column) * (self.log_gain.exp() / 2)
        return self.norm(state + self.update(torch.relu(hidden))), balanced.clamp(min=LEAST_POTENTIAL)


class Exchangeable(hnetzoo.AssociationModel):
    """Association logits from distances of any size.

    Args:
        config: Settings.
        shape: Ignored; the weights do not depend on the size.

    Example:
        >>> model = Exchangeable(ExchangeableConfig(), (2, 2))
        >>> model(torch.rand(4, 3, 5)).shape, model(torch.rand(4, 3, 5), after=(2, 6)).shape
        (torch.Size([4, 3, 5]), torch.Size([2, 4, 3, 5]))
    """

    def __init__(self, config: ExchangeableConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.iterations = config.iterations
        self.embed = nn.Linear(FEATURES, config.channels)
        self.start = nn.Linear(FEATURES, config.scores)
        self.layer = ExchangeableLayer(config.channels, config.scores)
        self.read = nn.Linear(config.channels, 1)

    def forward(
        self,
        distance: Tensor,
        row_mask: Tensor | None = None,
        col_mask: Tensor | None = None,
        *,
        after: Sequence[int] | None = None,
    ) -> Tensor:
        """Return association logits.

        Args:
            distance: As in `hnetzoo.AssociationModel`.
            row_mask: Likewise.
            col_mask: Likewise.
            after: Numbers of iterations, ascending; the logits after each are returned, for training.

        Returns:
            Float [b, n, m], before the sigmoid; with `after`, [len(after), b, n, m].

        Raises:
            ShapeError: As in `hnetzoo.AssociationModel`.
            DataError: Likewise.
        """
        if after is None:
            return super().forward(distance, row_mask, col_mask)
        clean, allowed = self.clean(distance, row_mask, col_mask)
        if distance.numel() == 0:
            return clean.expand(len(after), *clean.shape)
        return self.fill(self._iterate(clean, allowed, after), allowed, distance.dtype)

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the logits after the last iteration, [b, n, m]."""
        return self._iterate(distance, allowed, (self.iterations,))[0]

    def _iterate(self, distance: Tensor, allowed: Tensor, after: Sequence[int]) -> Tensor:
        """Return the logits after each of these numbers of iterations, [len(after), b, n, m]."""
        features = _features(distance, allowed)
        state, potential = self.embed(features), self.start(features)  # [b, n, m, c], [b, n, m, s]
        absent = torch.where(allowed, 0.0, hnetzoo.ABSENT).to(state.dtype).unsqueeze(-1)
        answers = []
        for iteration in range(1, max(after) + 1):
            state, potential = self.layer(state, potential, features, absent)
            if iteration in after:
                answers.append(self.read(state).squeeze(-1))
        return torch.stack(answers)


def _features(distance: Tensor, allowed: Tensor) -> Tensor:
    """Return five features of each pair, [b, n, m, 5].

    They are its distance, the distance minus the least of its row and minus the least of its column, and the latter two
    divided by the problem's typical gap, which is smaller for larger problems. The inverse hyperbolic sine keeps small
    numbers as they are and compresses large ones.
    """
    far = distance.masked_fill(~allowed, -hnetzoo.mask_value(distance.dtype))
    above_row, above_column = ((distance - far.amin(axis, keepdim=True)).masked_fill(~allowed, 0.0) for axis in (2, 1))
    gap = _typical_gap(far, allowed)
    return torch.stack((distance, above_row, above_column, above_row / gap, above_column / gap), -1).asinh()


def _typical_gap(far: Tensor, allowed: Tensor) -> Tensor:
    """Return the mean gap between least and second least of the rows and columns that have both, [b, 1, 1]."""
    total, lines = far.new_zeros(len(far)), far.new_zeros(len(far))
    for axis in (1, 2):
        if far.shape[axis] > 1:
            least, second = far.topk(2, axis, largest=False).values.unbind(axis)
            two = allowed.sum(axis) > 1
            total, lines = total + (second - least).where(two, 0.0).sum(1), lines + two.sum(1)
    return (total / lines.clamp(min=1)).clamp(min=LEAST_GAP).view(-1, 1, 1)
