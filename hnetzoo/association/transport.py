"""Association by entropic optimal transport, with a private cost of staying unmatched for every slot.

A plan gives every pair a mass. It minimises sum(mass x cost) - temperature x entropy, where the masses of a row and
the mass that stays unmatched, at a cost of its own, sum to 1; columns likewise. As the temperature falls, the plan
approaches the exact assignment. The potentials f of rows and g of columns, in units of cost, are updated at a
temperature T that falls geometrically:

    f* = -T log(exp(-r / T) + sum_j exp((g_j - C_ij) / T)),    f <- (1 - w) f + w f*,    g likewise from the new f,

where r is the row's cost of staying unmatched and the relaxation w is in [1, 2).

Sources: J. J. Kosowsky, A. L. Yuille, "The Invisible Hand Algorithm", Neural Networks 1994 (annealing); A. Thibault,
L. Chizat, C. Dossal, N. Papadakis, "Overrelaxed Sinkhorn-Knopp Algorithm for Regularized Optimal Transport", Algorithms
2021 (relaxation).
"""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.masking import compress_logits, log_odds, may_read
from hnetzoo.association.potentials import PLAIN_STEPS, TransportProblems, potentials
from hnetzoo.association.scale import problem_scale
from hnetzoo.association.two_slots import SLOTS, pairs_all_it_can, two_slot_log_odds

Unmatched = Literal["never"] | float
"""What slots may stay unmatched: "never" makes as many pairs as possible, a number is the cost of leaving one slot
unmatched [unit of distance], so that pairs farther apart than twice this are never made."""

FORBIDDEN = 1e20  # cost of an impossible pair, in units of the scale
ABOVE_ALL = 2.0  # of the range of distances, above the largest one


class Annealing(NamedTuple):
    """A geometric schedule of temperatures, in units of a problem's scale.

    Fields:
        steps: Number of steps.
        start: Temperature of the first step.
        end: Temperature of the last step.
        relaxation: Relaxation of the updates, in [1, 2); 1 is the plain Sinkhorn iteration.

    Example:
        >>> [round(temperature, 3) for temperature in Annealing(steps=5, start=1.0, end=0.01).temperatures()]
        [1.0, 0.1, 0.01, 0.01, 0.01]
    """

    steps: int = 50
    start: float = 0.3
    end: float = 6e-5
    relaxation: float = 1.8

    def temperatures(self, coldest: float = 0.0) -> list[float]:
        """Return the temperatures of the steps, none below the coldest; the last `PLAIN_STEPS` repeat one."""
        settling = min(PLAIN_STEPS, self.steps - 1)
        count = self.steps - settling
        ratio = (self.end / self.start) ** (1 / max(1, count - 1))
        falling = (self.start * ratio**step for step in range(count))
        kept = [temperature for temperature in falling if temperature >= coldest] or [coldest]
        return kept + kept[-1:] * settling


def unmatched_costs(distance: Tensor, allowed: Tensor, unmatched: Unmatched) -> tuple[Tensor, Tensor]:
    """Return the costs of staying unmatched of rows [b, n] and columns [b, m].

    Args:
        distance: Finite float [b, n, m].
        allowed: Bool [b, n, m].
        unmatched: "never", or the cost of leaving one slot unmatched [unit of distance].

    Returns:
        Floats of the type of the distances; 0 for slots without an allowed pair. With "never", infinite for the side
        with fewer slots and 0 for the other; where pairs are forbidden, finite but above all distances.

    Example:
        >>> unmatched_costs(torch.rand(1, 1, 2), torch.ones(1, 1, 2, dtype=torch.bool), "never")
        (tensor([[inf]]), tensor([[0., 0.]]))
    """
    rows, columns = allowed.any(2), allowed.any(1)
    if unmatched == "never":
        row_cost, col_cost = _costs_of_never(distance, allowed, rows.sum(1), columns.sum(1))
    else:
        row_cost = col_cost = distance.new_full((1, 1), unmatched)
    return row_cost.where(rows, 0.0), col_cost.where(columns, 0.0)


def transport_logits(
    cost: Tensor,
    allowed: Tensor,
    row_cost: Tensor,
    col_cost: Tensor,
    annealing: Annealing | None = None,
    *,
    coldest: float = 0.0,
    scale: float | Tensor | None = None,
) -> Tensor:
    """Return logits whose sigmoid is the mass of a pair.

    A plan has exact sums only along the axis that was updated last. The mass of a pair is the smaller one of two plans,
    rows last and columns last, so that no slot exceeds its mass and ties are treated alike on both axes. Beyond +-20
    logits grow logarithmically. If the costs require a gradient, problems of two slots a side that pair all they can
    have the converged plan, in closed form (`hnetzoo.association.two_slots`), in a fifth of the time.

    Args:
        cost: Finite float [b, n, m].
        allowed: Bool [b, n, m].
        row_cost: Costs of staying unmatched, float [b, n]; 0 for rows without an allowed pair, may be +inf.
        col_cost: Likewise, float [b, m].
        annealing: The schedule; None takes the default one.
        coldest: Annealing stops above this temperature [scale]; colder plans pass next to no gradient.
        scale: The unit of the temperatures, one for all or float [b, 1, 1]; None takes `problem_scale` of each problem.

    Returns:
        Float [b, n, m], of float32 at least; any value for pairs that are not allowed.

    Example:
        >>> cost, yes = torch.tensor([[[1.0, 1.5], [1.1, 4.0]]]), torch.ones(1, 2, 2, dtype=torch.bool)
        >>> (transport_logits(cost, yes, *unmatched_costs(cost, yes, "never")) > 0).int().tolist()
        [[[0, 1], [1, 0]]]
    """
    annealing = annealing or Annealing()
    problems, temperatures = _problems(cost, allowed, row_cost, col_cost, scale), annealing.temperatures(coldest)
    closed = _in_closed_form(cost, allowed, row_cost, col_cost)
    if closed is None:
        return compress_logits(_annealed(problems, temperatures, annealing.relaxation))
    odds = two_slot_log_odds(problems.with_unmatched(), temperatures[-1])
    if not may_read(closed) or not bool(closed.all()):
        odds = torch.where(closed, odds, _annealed(problems, temperatures, annealing.relaxation))
    return compress_logits(odds)


def _annealed(problems: TransportProblems, temperatures: list[float], relaxation: float) -> Tensor:
    """Return the log-odds [b, n, m] after a step at each temperature."""
    rows, columns = potentials(problems, temperatures, relaxation)
    pairs = rows + columns - problems.cost  # near 0 where mass is, so that rounding does not decide ties
    rows_last = torch.cat((pairs, rows - problems.row_cost), 2) / temperatures[-1]
    columns_last = torch.cat((pairs, columns - problems.col_cost), 1) / temperatures[-1]
    return torch.minimum(log_odds(rows_last, 2)[:, :, :-1], log_odds(columns_last, 1)[:, :-1])


def transport_potentials(cost: Tensor, allowed: Tensor, annealing: Annealing | None = None) -> Tensor:
    """Return column potentials near those of the optimal assignment without unmatched slots of the smaller side.

    Args:
        cost: Finite float [b, n, m].
        allowed: Bool [b, n, m].
        annealing: The schedule; None takes the default one.

    Returns:
        Float [b, m], in units of cost; up to a constant per problem where neither side has more slots.
    """
    annealing = annealing or Annealing()
    problems = _problems(cost, allowed, *unmatched_costs(cost, allowed, "never"))
    _, columns = potentials(problems, annealing.temperatures(), annealing.relaxation)
    return (columns * problems.unit + problems.start).squeeze(1)


def _problems(
    cost: Tensor, allowed: Tensor, row_cost: Tensor, col_cost: Tensor, scale: float | Tensor | None = None
) -> TransportProblems:
    """Return the problems of costs [b, n, m], allowed pairs, and costs of staying unmatched [b, n] and [b, m].

    Costs are reduced by the least of their columns and rows and divided by the scale, which changes no optimum. To
    gradients the problems' own scale is a constant; one that is given is not.
    """
    dtype = torch.promote_types(cost.dtype, torch.float32)
    usable = allowed.any(2, keepdim=True), allowed.any(1, keepdim=True)
    sides = (row_cost.unsqueeze(2), col_cost.unsqueeze(1))
    pair = (bool((side.isinf() | ~use).all()) for side, use in zip(sides, usable, strict=True))
    every_slot_pairs = may_read(allowed) and all(pair)
    row_cost, col_cost = (
        side.to(dtype).clamp(max=FORBIDDEN).where(use, 0.0) for side, use in zip(sides, usable, strict=True)
    )
    cost = cost.to(dtype).masked_fill(~allowed, FORBIDDEN)
    columns = torch.minimum(cost.amin(1, keepdim=True), col_cost)
    rows = torch.minimum((cost - columns).amin(2, keepdim=True), row_cost)
    if scale is None:
        with torch.no_grad():
            reduced = torch.minimum(cost - rows - columns, (row_cost - rows) + (col_cost - columns))
            scale = problem_scale(reduced, allowed)
    unit = scale * torch.ones_like(rows[:, :1])
    return TransportProblems(
        cost=((cost - rows - columns) / unit).clamp(max=FORBIDDEN),
        row_cost=((row_cost - rows) / unit).clamp(max=FORBIDDEN),
        col_cost=((col_cost - columns) / unit).clamp(max=FORBIDDEN),
        row_usable=usable[0],
        col_usable=usable[1],
        unit=unit,
        start=columns,
        surplus=(usable[0].sum(1, keepdim=True) - usable[1].sum(2, keepdim=True)).to(dtype),
        every_slot_pairs=every_slot_pairs,
    )


def _in_closed_form(cost: Tensor, allowed: Tensor, row_cost: Tensor, col_cost: Tensor) -> Tensor | None:
    """Return which plans have a closed form, bool [b, 1, 1], where it is wanted: for gradients; otherwise None."""
    wanted = torch.is_grad_enabled() and cost.requires_grad and not torch.compiler.is_exporting()
    if not wanted or cost.shape[1:] != (SLOTS, SLOTS):
        return None
    return pairs_all_it_can(allowed, row_cost, col_cost)


def _costs_of_never(distance: Tensor, allowed: Tensor, n: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """Return the costs of staying unmatched of n usable rows and m usable columns, [b, 1] each."""
    largest = distance.masked_fill(~allowed, -math.inf).amax((1, 2))
    least = distance.masked_fill(~allowed, math.inf).amin((1, 2))
    complete = allowed.sum((1, 2)) == n * m
    above_all = torch.where(complete, math.inf, ABOVE_ALL * (largest - least) + largest)
    row_cost = torch.where(n <= m, above_all, 0.0)
    col_cost = torch.where((m < n) | ((m == n) & complete), above_all, 0.0)
    return row_cost.unsqueeze(1).to(distance.dtype), col_cost.unsqueeze(1).to(distance.dtype)
