"""Base class of the classical solvers: hard pairs, as logits of +-20."""

from abc import abstractmethod

import torch
from torch import Tensor

import hnetzoo


class Solver(hnetzoo.AssociationModel):
    """A model that chooses pairs by a rule, without parameters or gradients."""

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m]: 20 for the chosen pairs, -20 elsewhere."""
        with torch.no_grad():
            pairs = self.solve(distance.masked_fill(~allowed, torch.inf))
        return torch.where(pairs, hnetzoo.CERTAIN, -hnetzoo.CERTAIN)

    @abstractmethod
    def solve(self, distance: Tensor) -> Tensor:
        """Return the chosen pairs, bool [b, n, m]; forbidden pairs are at +inf, and must not be chosen."""
