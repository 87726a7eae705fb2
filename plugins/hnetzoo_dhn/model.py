"""The Deep Hungarian Net, written from its description.

The cells of the distance matrix, row by row, are the sequence of a bidirectional GRU. Its outputs, re-ordered column by
column, are the sequence of a second one, so that every cell has seen its row and its column. Three linear layers make
one logit of a cell. The weights know no size; the order of rows and columns matters.

How ours differs from the paper: the output is one logit per cell, whose probability is compared with 0.5, while the
paper appends an unmatched column (row) of one constant to the matrix of probabilities and takes row (column) softmaxes,
which belong to its tracking loss; pairs that cannot be made are left out of both sequences, so that problems of
different sizes share a batch; the widths of the linear layers follow the hidden size.

Source: Y. Xu et al., "How To Train Your Deep Multi-Object Tracker", CVPR 2020.
"""

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import hnetzoo
from hnetzoo_dhn.config import DHNConfig

ABSENT = -100.0  # logit where there can be no pair


class DHN(nn.Module):
    """Predict association logits from distances of any size.

    Args:
        config: Settings.
        shape: Ignored; the weights know no size.

    Example:
        >>> import torch
        >>> model = DHN(DHNConfig(hidden_size=8), (2, 2))
        >>> model(torch.rand(4, 3, 5)).shape
        torch.Size([4, 3, 5])
    """

    def __init__(self, config: DHNConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        hidden = config.hidden_size
        self.by_row = nn.GRU(1, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.by_column = nn.GRU(2 * hidden, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.read = nn.Sequential(
            nn.Linear(2 * hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden // 4),
            nn.ReLU(),
            nn.Linear(hidden // 4, 1),
        )

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Compute logits.

        Args:
            distance: Float [b, n, m], the unit trained on; +inf forbids a pair.
            row_mask: Bool [b, n]; None means all True.
            col_mask: Bool [b, m]; None means all True.

        Returns:
            Float [b, n, m], before the sigmoid; -100 where there can be no pair.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN or -inf.
        """
        allowed = hnetzoo.allowed_pairs(distance, row_mask, col_mask)
        if distance.numel() == 0:
            return distance
        cells = distance.masked_fill(~allowed, 0.0).unsqueeze(-1)
        cells = _run(self.by_row, cells, allowed)
        cells = _run(self.by_column, cells.transpose(1, 2), allowed.mT).transpose(1, 2)
        logits: Tensor = self.read(cells).squeeze(-1)
        return logits.masked_fill(~allowed, ABSENT)


def _run(gru: nn.GRU, cells: Tensor, allowed: Tensor) -> Tensor:
    """Run a GRU along float [b, n, m, c], row by row, past the cells that bool [b, n, m] leaves out."""
    sequence, stays = cells.flatten(1, 2), allowed.flatten(1)
    output: Tensor = gru(sequence)[0] if bool(stays.all()) else _run_packed(gru, sequence, stays)
    return output.view(*allowed.shape, -1)


def _run_packed(gru: nn.GRU, sequence: Tensor, stays: Tensor) -> Tensor:
    """Run a GRU along the steps of float [b, s, c] at which bool [b, s] is True; the output is zero at the others."""
    order = (~stays).argsort(dim=1, stable=True).unsqueeze(-1)  # what stays comes first, in its order
    lengths = stays.sum(1).clamp(min=1).cpu()  # a sequence of nothing cannot be packed
    front = sequence.take_along_dim(order, 1)
    packed, _ = gru(pack_padded_sequence(front, lengths, batch_first=True, enforce_sorted=False))
    output, _ = pad_packed_sequence(packed, batch_first=True, total_length=sequence.shape[1])
    restored: Tensor = output.take_along_dim(order.argsort(dim=1), 1)
    return restored
