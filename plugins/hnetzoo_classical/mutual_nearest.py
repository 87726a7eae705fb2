"""Mutual nearest neighbours: pairs whose row and column are each other's nearest.

Source: the nearest-neighbour rule of data association, Y. Bar-Shalom and X. R. Li (1995), required both ways.
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hnetzoo_classical.config import MutualNearestConfig
from hnetzoo_classical.solver import Solver


class MutualNearest(Solver):
    """Choose the pairs that are nearest in their row and in their column; of equal ones, the first.

    Example:
        >>> solver = MutualNearest(MutualNearestConfig(), (2, 2))
        >>> (solver(torch.tensor([[[1.0, 2.0], [1.1, 4.0]]])) > 0).int().tolist()
        [[[1, 0], [0, 0]]]
    """

    def __init__(self, config: MutualNearestConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.gate = torch.inf if config.gate is None else config.gate

    def solve(self, distance: Tensor) -> Tensor:
        """Return the mutual nearest pairs of all problems at once."""
        if distance.numel() == 0:
            return torch.zeros_like(distance, dtype=torch.bool)
        _, n, m = distance.shape
        of_row = one_hot(distance.argmin(2), m).bool()  # [b, n, m]
        of_column = one_hot(distance.argmin(1), n).bool().transpose(1, 2)  # [b, n, m]
        return of_row & of_column & distance.isfinite() & (distance <= self.gate)
