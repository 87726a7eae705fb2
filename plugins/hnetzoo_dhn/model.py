"""The Deep Hungarian Net, written from its description.

The entries of the distance matrix, row by row, are the sequence of a bidirectional GRU. Its outputs, re-ordered column
by column, are the sequence of a second one, so that every entry has seen its row and its column. Three linear layers
give the logit of an entry. The weights do not depend on the size; the order of rows and columns matters.

How ours differs from the paper: the output is one logit per pair, whose probability is compared with 0.5, while the
paper appends an unmatched column (row) of one constant to the matrix of probabilities and takes row (column) softmaxes,
which belong to its tracking loss; forbidden pairs are left out of both sequences, so that problems of
different sizes share a batch; the widths of the linear layers follow the hidden size.

Source: Y. Xu et al., "How To Train Your Deep Multi-Object Tracker", CVPR 2020.
"""

from torch import Tensor, nn

import hnetzoo
from hnetzoo_dhn.config import DHNConfig


class DHN(hnetzoo.AssociationModel):
    """Association logits from distances of any size.

    Args:
        config: Settings.
        shape: Ignored; the weights do not depend on the size.

    Example:
        >>> model = DHN(DHNConfig(hidden_size=8), (2, 2))
        >>> model(torch.rand(4, 3, 5)).shape
        torch.Size([4, 3, 5])
    """

    def __init__(self, config: DHNConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        hidden = config.hidden_size
        self.by_row = hnetzoo.GRU(1, hidden, num_layers=2, bidirectional=True)
        self.by_column = hnetzoo.GRU(2 * hidden, hidden, num_layers=2, bidirectional=True)
        self.read = nn.Sequential(
            nn.Linear(2 * hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden // 4),
            nn.ReLU(),
            nn.Linear(hidden // 4, 1),
        )

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m]."""
        entries = _run(self.by_row, distance.unsqueeze(-1), allowed)
        entries = _run(self.by_column, entries.transpose(1, 2), allowed.mT).transpose(1, 2)
        logits: Tensor = self.read(entries).squeeze(-1)
        return logits


def _run(gru: hnetzoo.GRU, entries: Tensor, allowed: Tensor) -> Tensor:
    """Return the outputs of a GRU run row by row over the entries [b, n, m, c] that are allowed, bool [b, n, m]."""
    output: Tensor = gru(entries.flatten(1, 2), mask=allowed.flatten(1))
    return output.view(*allowed.shape, -1)
