"""Exact assignment of whole batches, and the decoding of logits into hard associations.

Conventions: cost and distance [b, n, m] with references in rows; masks are True where the slot exists; what stands
outside the masks is never read. Pairs that are forbidden (beyond a gate, or of infinite cost) are never returned.
"""

from functools import cache
from itertools import permutations
from typing import Literal

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hnetzoo.errors import ConfigError, DataError, ShapeError
from hnetzoo.interfaces import full_masks, valid_cells

LARGEST_CLOSED_FORM = 4  # 4! = 24 permutations are faster than a solver call per problem; 5! are not
_CHUNK = 1 << 16  # problems per closed-form step; bounds memory at 24 x 4 x 8 bytes each

DecodingMethod = Literal["threshold", "one-to-one"]


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


def decode(
    logits: Tensor,
    row_mask: Tensor | None = None,
    col_mask: Tensor | None = None,
    *,
    method: DecodingMethod = "threshold",
) -> Tensor:
    """Turn association logits into hard associations.

    Args:
        logits: Float [b, n, m] or [n, m], before the sigmoid.
        row_mask: Bool [b, n] or [n]; None means all True.
        col_mask: Bool [b, m] or [m]; None means all True.
        method: "threshold" takes every pair of probability above 0.5, so a row may hold several; "one-to-one" takes
            the assignment of largest total log-odds, leaving unmatched what has no pair of probability above 0.5.

    Returns:
        Bool of the shape of logits; False outside the masks.

    Raises:
        ShapeError: If logits or a mask have another shape.
        ConfigError: If the method is unknown.
        DataError: If logits inside the masks are NaN and the method is "one-to-one".

    Example:
        >>> logits = torch.tensor([[3.0, 2.5], [1.0, -1.0]])
        >>> decode(logits).int().tolist(), decode(logits, method="one-to-one").int().tolist()
        ([[1, 1], [1, 0]], [[0, 1], [1, 0]])
    """
    if logits.ndim == 2:
        masks = (None if mask is None else mask.unsqueeze(0) for mask in (row_mask, col_mask))
        return decode(logits.unsqueeze(0), *masks, method=method).squeeze(0)
    check_problem_shapes(logits, row_mask, col_mask)
    likely = valid_cells(*full_masks(logits, row_mask, col_mask)) & (logits > 0)
    if method == "threshold":
        return likely
    if method == "one-to-one":
        return assign(-logits.clamp(min=0), row_mask, col_mask) & likely
    raise ConfigError(f"unknown decoding method {method!r}; choose 'threshold' or 'one-to-one'")


def allowed_pairs(distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
    """Say which pairs can be made: both slots exist, and the distance is not +inf.

    Args:
        distance: Float [b, n, m], any unit; +inf forbids a pair.
        row_mask: Bool [b, n]; None means all True.
        col_mask: Bool [b, m]; None means all True.

    Returns:
        Bool [b, n, m].

    Raises:
        ShapeError: If distance is not [b, n, m] or a mask does not fit it.
        DataError: If a distance inside the masks is NaN or -inf.

    Example:
        >>> allowed_pairs(torch.tensor([[[1.0, torch.inf], [2.0, 0.5]]]), torch.tensor([[True, False]])).int().tolist()
        [[[1, 0], [0, 0]]]
    """
    check_problem_shapes(distance, row_mask, col_mask)
    valid = valid_cells(*full_masks(distance, row_mask, col_mask))
    unusable = valid & (distance.isnan() | distance.isneginf())
    if unusable.any():
        problem, row, column = unusable.nonzero()[0].tolist()
        value = distance[problem, row, column].item()
        raise DataError(
            f"distance is {value} at problem {problem}, row {row}, column {column}; distances inside the masks must be "
            "numbers (+inf forbids a pair): correct the value or mask the slot"
        )
    return valid & distance.isfinite()


def check_problem_shapes(matrix: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> None:
    """Raise ShapeError unless matrix is [b, n, m] and the masks, where given, are bool [b, n] and [b, m]."""
    if matrix.ndim != 3:
        raise ShapeError(
            f"expected problems of shape [b, n, m], got {list(matrix.shape)}; add a batch axis to one matrix"
        )
    b, n, m = matrix.shape
    for name, mask, expected in (("row_mask", row_mask, (b, n)), ("col_mask", col_mask, (b, m))):
        if mask is not None and (tuple(mask.shape) != expected or mask.dtype != torch.bool):
            found = f"{mask.dtype} {list(mask.shape)}".removeprefix("torch.")
            raise ShapeError(f"{name} is {found}; problems {[b, n, m]} need bool {list(expected)}")


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
