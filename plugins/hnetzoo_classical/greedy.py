"""Greedy matching: the nearest remaining pair is taken, its row and column are removed, and so on.

Source: the nearest-neighbour filter in its global form, Y. Bar-Shalom and X. R. Li (1995).
"""

import torch
from torch import Tensor

from hnetzoo_classical.config import GreedyConfig
from hnetzoo_classical.solver import Solver


class Greedy(Solver):
    """Repeatedly take the nearest remaining pair; of equal pairs, the first by row and column.

    Example:
        >>> solver = Greedy(GreedyConfig(), (2, 2))
        >>> (solver(torch.tensor([[[1.0, 2.0], [1.1, 4.0]]])) > 0).int().tolist()
        [[[1, 0], [0, 1]]]
    """

    def __init__(self, config: GreedyConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.gate = torch.inf if config.gate is None else config.gate

    def solve(self, distance: Tensor) -> Tensor:
        """Return the greedy pairs, at most min(n, m) per problem, of all problems at once."""
        b, n, m = distance.shape
        left = distance.masked_fill(distance > self.gate, torch.inf)
        pairs = torch.zeros_like(left, dtype=torch.bool)
        problem = torch.arange(b, device=left.device)
        for _ in range(min(n, m)):
            nearest, index = left.flatten(1).min(1)
            row, column = index // m, index % m
            pairs[problem, row, column] |= nearest.isfinite()
            left[problem, row] = torch.inf
            left[problem, :, column] = torch.inf
        return pairs
