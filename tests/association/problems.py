"""Random assignment problems, and their optimum by enumeration of every matching."""

import math

import numpy as np
import torch
from torch import Tensor


def total(cost: Tensor, chosen: Tensor) -> Tensor:
    """Return the total cost of the chosen pairs, float64 [b]."""
    return cost.double().masked_fill(~chosen, 0.0).sum((1, 2))


def allowed_pairs(cost: Tensor, row_mask: Tensor, col_mask: Tensor, gate: float = math.inf) -> Tensor:
    """Return which pairs may be chosen, bool [b, n, m], by the definition, one entry at a time."""
    allowed = torch.zeros_like(cost, dtype=torch.bool)
    for place in np.ndindex(*cost.shape):
        problem, row, column = place
        exists = bool(row_mask[problem, row]) and bool(col_mask[problem, column])
        allowed[place] = exists and cost[place].item() < math.inf and cost[place].item() <= gate
    return allowed


def best_by_enumeration(cost: Tensor, allowed: Tensor) -> tuple[int, float]:
    """Return minus the largest number of pairs in any matching of one problem, and the least cost with so many."""
    columns = cost.shape[1]

    def search(row: int, used: int) -> tuple[int, float]:
        if row == len(cost):
            return 0, 0.0
        best = search(row + 1, used)
        for column in range(columns):
            if allowed[row, column] and not used >> column & 1:
                pairs, spent = search(row + 1, used | 1 << column)
                best = min(best, (pairs - 1, spent + float(cost[row, column])))
        return best

    return search(0, 0)


def random_problems(generator: torch.Generator, b: int, n: int, m: int, *, integer: bool = False) -> Tensor:
    """Return random costs, float32 [b, n, m], in [-5, 5) or, with many ties, of 0 to 3."""
    if integer:
        return torch.randint(0, 4, (b, n, m), generator=generator).float()
    return 10 * torch.rand(b, n, m, generator=generator) - 5


def random_mask(generator: torch.Generator, *shape: int) -> Tensor:
    """Return a mask with about 70 % True, bool [*shape]."""
    return torch.rand(*shape, generator=generator) < 0.7


def assert_legal(chosen: Tensor, shape: tuple[int, ...]) -> None:
    assert chosen.dtype == torch.bool
    assert chosen.shape == shape
    assert not (chosen.sum(1) > 1).any()
    assert not (chosen.sum(2) > 1).any()
