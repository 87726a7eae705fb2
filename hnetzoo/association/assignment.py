"""Exact linear assignment of batches. Conventions as in `hnetzoo.association.batch`.

Problems up to 4 x 4 are solved by comparing all permutations, for the whole batch at once. Larger ones are passed to
scipy one by one, reduced to their existing slots.
"""

from collections.abc import Callable, Sequence
from functools import cache
from itertools import permutations
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnetzoo.association.batch import full_masks
from hnetzoo.association.masking import allowed_pairs, check_problem_shapes

LARGEST_CLOSED_FORM = 4  # comparing 4! = 24 permutations is faster than a solver call per problem; 5! is not
_CHUNK = 1 << 16  # problems per step of the enumeration; bounds its memory, 24 x 4 x 8 bytes per problem
_PART = 1 << 16  # entries per step with scipy; they fit the processor's cache
_HUGE, _SCALE = 1e290, 2.0**-64  # costs beyond _HUGE are multiplied by _SCALE, which is exact, so that no sum overflows
_PRECISE = 1e6  # largest ratio of a penalty to the gate that leaves the costs enough digits

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def assign(
    cost: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None, *, gate: float | None = None
) -> Tensor:
    """Return the exact solutions of linear assignment problems.

    Among the assignments with the largest possible number of allowed pairs, the one of least total cost is chosen.

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

    Source: H. W. Kuhn (1955); D. F. Crouse (2016), behind scipy's linear_sum_assignment.
    """
    check_problem_shapes(cost, row_mask, col_mask)
    cost = cost.detach()
    if max(cost.shape[1:]) <= LARGEST_CLOSED_FORM or cost.numel() == 0:
        return _solve_by_enumeration(cost, _allowed(cost, row_mask, col_mask, gate))
    masks = (None if mask is None else mask.cpu() for mask in (row_mask, col_mask))
    return _solve_by_scipy(cost.cpu(), *masks, gate=gate).to(cost.device)


def _allowed(cost: Tensor, row_mask: Tensor | None, col_mask: Tensor | None, gate: float | None) -> Tensor:
    allowed = allowed_pairs(cost, row_mask, col_mask)
    return allowed if gate is None else allowed & (cost <= gate)


def _solve_by_enumeration(cost: Tensor, allowed: Tensor) -> Tensor:
    """Return the best of all permutations, bool [b, n, m]; cost and allowed are [b, n, m]."""
    if cost.numel() == 0:
        return allowed
    b, n, m = cost.shape
    could_overflow = cost.dtype == torch.float64
    cost = cost.double().masked_fill(~allowed, 0.0)
    if could_overflow and cost.abs().amax() > _HUGE:
        cost = cost * _SCALE
    size = max(n, m)
    orders = torch.tensor(_permutations(size), device=cost.device)  # [p, size]
    pairings = torch.nn.functional.one_hot(orders, size).bool()[:, :n, :m]
    members = pairings.flatten(1).T.double()  # [n m, p]: sums over all permutations are one product
    chosen = torch.empty(b, n, m, dtype=torch.bool, device=cost.device)
    for start in range(0, b, _CHUNK):
        part = slice(start, start + _CHUNK)
        pairs = allowed[part].flatten(1).float() @ members.float()
        fewer = pairs < pairs.amax(-1, keepdim=True)
        chosen[part] = pairings[(cost[part].flatten(1) @ members).masked_fill_(fewer, torch.inf).argmin(-1)]
    return chosen & allowed


@cache
def _permutations(size: int) -> tuple[tuple[int, ...], ...]:
    return tuple(permutations(range(size)))


def _solve_by_scipy(cost: Tensor, row_mask: Tensor | None, col_mask: Tensor | None, *, gate: float | None) -> Tensor:
    """Return the solutions that scipy finds one by one; tensors on the CPU, shapes as in `assign`."""
    matrices: Floats = cost.double().numpy()
    masks = None
    if row_mask is not None or col_mask is not None:
        masks = [mask.numpy() for mask in full_masks(cost, row_mask, col_mask)]
    chosen = np.zeros(cost.shape, dtype=np.bool_)
    allowed: Bools | None = None
    step = max(1, _PART // matrices[0].size)
    for start in range(0, len(matrices), step):
        part = slice(start, start + step)
        of_part = None if masks is None else [mask[part] for mask in masks]
        pairs = _solve_directly(matrices[part], of_part, gate)
        if pairs is None:
            if allowed is None:  # computed for the whole batch, so that an error names the right problem
                allowed = _allowed(cost, row_mask, col_mask, gate).numpy()
            pairs = _solve_allowed(matrices[part], allowed[part])
        chosen[part][pairs] = True
    return torch.from_numpy(chosen)


class _Pairs(NamedTuple):
    """Indices of chosen pairs, int64 [k] each; they index an array [b, n, m]."""

    problem: Ints
    row: Ints
    column: Ints

    def keep(self, fine: Bools) -> "_Pairs":
        """Return the pairs where `fine`, bool [k], is True."""
        return self if fine.all() else _Pairs(*(index[fine] for index in self))


def _solve_directly(cost: Floats, masks: Sequence[Bools] | None, gate: float | None) -> _Pairs | None:
    """Return the solutions if scipy can avoid every forbidden pair; None if not, or if a cost is NaN or -inf."""
    priced = cost
    if gate is not None:
        spread = gate - float(cost.min())
        penalty = gate + (min(cost.shape[1:]) + 1) * spread  # one such pair costs more than all allowed ones together
        if not 0 < penalty - gate <= _PRECISE * abs(gate):
            return None
        priced = np.where(cost <= gate, cost, penalty)
    try:
        pairs = _solve(priced, masks)
    except ValueError:  # NaN, -inf, or no complete assignment without +inf
        return None
    found = cost[pairs]
    if gate is None:
        return None if (np.abs(found) > _HUGE).any() else pairs
    return pairs.keep(found <= gate)


def _solve_allowed(cost: Floats, allowed: Bools) -> _Pairs:
    """Return the solutions with a penalty on forbidden pairs that exceeds the cost of all allowed ones together.

    So as few of them as possible are chosen, and dropping them leaves the optimum. Costs are scaled if a sum could
    overflow.
    """
    finite = np.where(allowed, cost, 0.0)
    low, high = finite.min((1, 2)), finite.max((1, 2))
    if max(-low.min(), high.max()) > _HUGE:
        finite, low, high = finite * _SCALE, low * _SCALE, high * _SCALE
    penalty = high + (min(cost.shape[1:]) + 1) * (high - low)
    penalty[penalty == 0] = 1.0
    # Rows and columns without an allowed pair are removed, so that they act like masked ones even in a tie.
    partners: list[Bools] = [np.any(allowed, axis=axis) for axis in (2, 1)]
    pairs = _solve(np.where(allowed, finite, penalty[:, None, None]), partners)
    return pairs.keep(allowed[pairs])


@cache
def _solver() -> Callable[[Floats], tuple[Ints, Ints]]:
    """Return scipy's solver, imported on first use: importing it takes longer than most answers."""
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment


def _solve(cost: Floats, masks: Sequence[Bools] | None) -> _Pairs:
    """Return the solutions of problems [b, n, m], reduced to their existing slots."""
    return _solve_whole(cost) if masks is None else _solve_cut(cost, *masks)


def _solve_whole(cost: Floats) -> _Pairs:
    b, n, m = cost.shape
    if n > m:
        problem, row, column = _solve_whole(cost.swapaxes(1, 2))
        return _Pairs(problem, column, row)
    solve = _solver()
    columns = np.concatenate([solve(matrix)[1] for matrix in cost])  # [b n], a column for every row
    return _Pairs(*np.divmod(np.arange(b * n), n), columns)


def _solve_cut(cost: Floats, row_mask: Bools, col_mask: Bools) -> _Pairs:
    n, m = row_mask.sum(1), col_mask.sum(1)
    rows, columns = _existing_first(row_mask, n.max()), _existing_first(col_mask, m.max())
    if rows is not None:
        cost = np.take_along_axis(cost, rows[:, :, None], 1)
    if columns is not None:
        cost = np.take_along_axis(cost, columns[:, None, :], 2)
    solve = _solver()
    partners = [  # of each slot on the smaller side
        solve(matrix[:i, :j] if i <= j else matrix[:i, :j].T)[1]
        for matrix, i, j in zip(cost, n.tolist(), m.tolist(), strict=True)
    ]
    partner, fewer = np.concatenate(partners), np.minimum(n, m)
    problem = np.arange(len(cost)).repeat(fewer)
    slot = np.arange(len(problem)) - (fewer.cumsum() - fewer)[problem]
    wide = (n <= m)[problem]
    row, column = np.where(wide, slot, partner), np.where(wide, partner, slot)
    row = row if rows is None else rows[problem, row]
    return _Pairs(problem, row, column if columns is None else columns[problem, column])


def _existing_first(mask: Bools, most: int) -> Ints | None:
    """Return the first slots, int64 [b, most], of an order that puts existing ones first; None if they are already."""
    if (mask[:, 1:] <= mask[:, :-1]).all():
        return None
    return np.argsort(~mask, axis=1, kind="stable")[:, :most]
