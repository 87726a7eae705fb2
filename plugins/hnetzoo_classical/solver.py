"""What all classical solvers share: masks in, hard pairs out, logits of +-20."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

import hnetzoo

CERTAIN = 20.0  # logit of a hard decision; its probability differs from 0 or 1 by 2e-9


class Solver(nn.Module, ABC):
    """A model that decides pairs by a rule and has no parameters; gradients do not pass through it."""

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Solve problems.

        Args:
            distance: Float [b, n, m], any unit; +inf forbids a pair.
            row_mask: Bool [b, n]; None means all True.
            col_mask: Bool [b, m]; None means all True.

        Returns:
            Logits [b, n, m]: 20 for the chosen pairs, -20 elsewhere.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN or -inf.
        """
        allowed = hnetzoo.allowed_pairs(distance, row_mask, col_mask)
        with torch.no_grad():
            pairs = self.solve(distance.masked_fill(~allowed, torch.inf))
        return torch.where(pairs, CERTAIN, -CERTAIN).to(distance.dtype)

    @abstractmethod
    def solve(self, distance: Tensor) -> Tensor:
        """Choose pairs, bool [b, n, m]; forbidden pairs are at +inf, and must not be chosen."""
