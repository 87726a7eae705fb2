"""Matchers with known logits."""

import torch
from torch import Tensor, nn

SURE = 60.0  # in float64 the sigmoids of +-60 are 1 and 1e-26


class Given(nn.Module):
    """A matcher that returns given logits, float [b, t, n, m], for any distance."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return self.logits.flatten(0, 1)

    @classmethod
    def hard(cls, association: Tensor) -> "Given":
        """Return a matcher that is certain of an association, bool [b, t, n, m]."""
        return cls(torch.where(association, SURE, -SURE).double())


class Affinity(nn.Module):
    """A matcher that finds pairs nearer than 1 likely, independently, so that rows and columns may hold several."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(4.0))
        self.dropout = nn.Dropout(0.5)

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return self.dropout(self.scale * (1 - distance))
