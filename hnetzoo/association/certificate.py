"""Proofs of how far assignments are from the optimum. Conventions as in `hnetzoo.association.batch`."""

import math

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import full_masks
from hnetzoo.association.masking import allowed_pairs, check_problem_shapes
from hnetzoo.association.transport import transport_potentials
from hnetzoo.errors import ShapeError

LARGEST_LOGIT = 1e12  # of either sign, so that an infinite one leaves the others their digits


def optimality_gap(
    logits: Tensor,
    distance: Tensor,
    row_mask: Tensor | None = None,
    col_mask: Tensor | None = None,
    *,
    potentials: Tensor | None = None,
) -> Tensor:
    """Return a bound on how much the total distance of each assignment exceeds the least possible one.

    The logits are decoded to the complete assignment with the largest total. By duality, any potentials g of columns
    prove that no complete assignment costs less than sum(g) + sum_i min_j(distance_ij - g_j); no exact solver is used.
    Good potentials make the bound tight: 0 proves that the assignment is optimal.

    Args:
        logits: Float [b, n, m].
        distance: Float [b, n, m]; +inf forbids a pair.
        row_mask: Bool [b, n]; None means all True.
        col_mask: Bool [b, m]; None means all True.
        potentials: Of columns, float [b, m], any numbers [unit of distance]; None computes them by annealed transport.

    Returns:
        Float64 [b], at least 0 [unit of distance]; +inf where forbidden pairs leave no complete assignment, or none
        was found.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a distance inside the masks is NaN or -inf.

    Example:
        >>> distance = torch.tensor([[[1.0, 2.0], [2.0, 1.5]]])
        >>> [round(optimality_gap(logits, distance).item(), 2) for logits in (-distance, distance)]
        [0.0, 1.5]

    Source: R. Burkard, M. Dell'Amico, S. Martello, "Assignment Problems", SIAM 2009, section 4.1 (duality).
    """
    check_problem_shapes(distance, row_mask, col_mask)
    b, n, m = distance.shape
    if logits.shape != distance.shape or (potentials is not None and potentials.shape != (b, m)):
        raise ShapeError(
            f"logits {list(logits.shape)} and potentials {list(potentials.shape) if potentials is not None else None} "
            f"do not fit distances {[b, n, m]}; logits have their shape, and potentials are {[b, m]}"
        )
    rows, columns = full_masks(distance, row_mask, col_mask)
    chosen = complete_assignment(logits, distance, rows, columns)
    found = distance.double().masked_fill(~chosen, 0.0).sum((1, 2))
    complete = chosen.sum((1, 2)) == torch.minimum(rows.sum(1), columns.sum(1))
    bound = least_cost_bound(distance, rows, columns, potentials)
    return (found - bound).clamp(min=0.0).masked_fill(~complete, math.inf)


def least_cost_bound(distance: Tensor, row_mask: Tensor, col_mask: Tensor, potentials: Tensor | None = None) -> Tensor:
    """Return a proven lower bound of the total distance of complete assignments, float64 [b].

    Args:
        distance: Float [b, n, m]; +inf forbids a pair.
        row_mask: Bool [b, n].
        col_mask: Bool [b, m].
        potentials: Of columns, float [b, m]; None computes them by annealed transport.
    """
    allowed = allowed_pairs(distance, row_mask, col_mask)
    cost = distance.double().masked_fill(~allowed, 0.0)
    if distance.numel() == 0:
        return cost.sum((1, 2))
    potentials = transport_potentials(cost, allowed) if potentials is None else potentials.double()
    return _dual_value(cost, allowed, potentials, row_mask, col_mask)


def complete_assignment(logits: Tensor, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
    """Return the complete assignment with the largest total of logits, among pairs that are not forbidden.

    Args:
        logits: Float [b, n, m].
        distance: Float [b, n, m]; +inf forbids a pair.
        row_mask: Rows to be assigned, bool [b, n].
        col_mask: Columns to be assigned, bool [b, m].

    Returns:
        Bool [b, n, m].
    """
    unlikely = -logits.double().clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
    return assign(unlikely.masked_fill(distance == math.inf, math.inf), row_mask, col_mask)


def _dual_value(cost: Tensor, allowed: Tensor, potentials: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the value of the dual problem, [b], for potentials of columns; that of slots not used is at most 0."""
    n, m = rows.sum(1, keepdim=True), columns.sum(1, keepdim=True)
    g = torch.where(n < m, potentials.clamp(max=0.0), potentials).where(columns, 0.0)
    f = (cost - g.unsqueeze(1)).masked_fill(~allowed, math.inf).amin(2)
    f = torch.where(n > m, f.clamp(max=0.0), f).where(rows, 0.0)
    return f.nan_to_num(posinf=0.0).sum(1) + g.sum(1)
