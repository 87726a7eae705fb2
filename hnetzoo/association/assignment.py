"""Exact assignment of whole batches.

Conventions: cost and distance [b, n, m] with references in rows; masks are True where the slot exists; what stands
outside the masks is never read. Pairs that are forbidden (beyond a gate, or of infinite cost) are never returned.
"""

from functools import cache
from itertools import permutations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hnetzoo.association.masking import allowed_pairs

LARGEST_CLOSED_FORM = 4  # 4! = 24 permutations are faster than a solver call per problem; 5! are not
_CHUNK = 1 << 16  # problems per closed-form step; bounds memory at 24 x 4 x 8 bytes each


def assign(
    cost: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None, *, gate: float | None = None
) -> Tensor:
    """Solve linear assignment problems exactly.

    Among the assignments with the largest possible number of allowed pairs, the one of least total cost is returned.

    Args:
        cost: Float [b, n, m]; +inf forbids a pair.
        row_mask: Bool [b, n]; None means all True.
        col_mask: Bool [b, m]; None means all True.
        gate: Pairs that cost more are forbidden before matching [unit of cost]; None means no gate.

    Returns:
        Bool [b, n, m], at most one True per row and per column.

    Raises:
        ShapeError: If cost is not [b, n, m] or a mask does not fit it.
        DataError: If a cost inside the masks is NaN or -inf.

    Example:
        >>> assign(torch.tensor([[[1.0, 2.0], [1.0, 4.0]]])).int().tolist()
        [[[0, 1], [1, 0]]]

    Source: H. W. Kuhn (1955); solved by scipy's linear_sum_assignment, and by enumeration up to 4 x 4.
    """
    allowed = allowed_pairs(cost, row_mask, col_mask)
    if gate is not None:
        allowed &= cost <= gate
    if cost.numel() == 0:
        return allowed
    solve = _solve_by_enumeration if max(cost.shape[1:]) <= LARGEST_CLOSED_FORM else _solve_one_by_one
    return solve(cost.detach().double().masked_fill(~allowed, 0.0), allowed)


def _solve_by_enumeration(cost: Tensor, allowed: Tensor) -> Tensor:
    """Compare all permutations at once: float64 and bool [b, n, m], forbidden costs 0 -> bool [b, n, m]."""
    b, n, m = cost.shape
    size = max(n, m)
    pad = (0, size - m, 0, size - n)
    orders = torch.tensor(_permutations(size), device=cost.device)  # [p, size]
    rows = torch.arange(size, device=cost.device)
    chosen = torch.zeros(b, size, size, dtype=torch.bool, device=cost.device)
    for start in range(0, b, _CHUNK):
        part = slice(start, start + _CHUNK)
        costs = torch.nn.functional.pad(cost[part], pad)[:, rows, orders].sum(-1)  # [b, p]
        pairs = torch.nn.functional.pad(allowed[part], pad)[:, rows, orders].sum(-1)  # [b, p]
        fewer = pairs < pairs.amax(-1, keepdim=True)
        best = orders[costs.masked_fill(fewer, torch.inf).argmin(-1)]  # [b, size]
        chosen[part] = torch.nn.functional.one_hot(best, size).bool()
    return chosen[:, :n, :m] & allowed


@cache
def _permutations(size: int) -> tuple[tuple[int, ...], ...]:
    return tuple(permutations(range(size)))


def _solve_one_by_one(cost: Tensor, allowed: Tensor) -> Tensor:
    """Call scipy per problem on costs prepared for the whole batch; same arguments as enumeration."""
    low = cost.amin((1, 2), keepdim=True)
    shifted = cost - low
    # One forbidden pair outweighs all allowed ones together, so scipy uses as few as possible; they are dropped after.
    largest = shifted.amax((1, 2), keepdim=True)
    penalty = torch.where(largest > 0, largest * (min(cost.shape[1:]) + 1), 1.0)
    matrices = torch.where(allowed, shifted, penalty).cpu().numpy()
    pairs = np.array([linear_sum_assignment(matrix) for matrix in matrices])  # [b, 2, min(n, m)]
    rows, columns = torch.from_numpy(pairs).to(cost.device).unbind(1)
    chosen = torch.zeros_like(allowed)
    chosen[torch.arange(len(cost), device=cost.device).unsqueeze(1), rows, columns] = True
    return chosen & allowed
