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

from hnetzoo.association.masking import compress_logits, log_odds
from hnetzoo.association.scale import problem_scale
from hnetzoo.association.two_slots import SLOTS, pairs_all_it_can, two_slot_log_odds

Unmatched = Literal["never"] | float
"""What slots may stay unmatched: "never" makes as many pairs as possible, a number is the cost of leaving one slot
unmatched [unit of distance], so that pairs farther apart than twice this are never made."""

FORBIDDEN = 1e20  # cost of an impossible pair, in units of the scale
PLAIN_STEPS = 2  # steps without relaxation at either end: before the potentials have settled, and so that ties do
LEAST_EXPONENT = -60.0  # exponentials below are slow subnormal numbers, and change nothing
LARGEST_LOG = 20.0  # of a correction in one step, so that no exponential overflows
LEAST_FREE = 1e-17  # total mass that stays unmatched, so that products are normal numbers
ABOVE_ALL = 2.0  # of the range of distances, above the largest one


class Annealing(NamedTuple):
    """A geometric schedule of temperatures, in units of a problem's scale.

    Fields:
        steps: Number of steps.
        start: Temperature of the first step.
        end: Temperature of the last step.
        relaxation: Relaxation of the updates, in [1, 2); 1 is the plain Sinkhorn iteration.
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
        Floats of the type of the distances; 0 for slots without an allowed pair. With "never", it is infinite for the
        side with fewer slots and 0 for the other; where pairs are forbidden, a slot may have to stay unmatched, and it
        is finite but above all distances.
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
    problems, temperatures = _Transport.of(cost, allowed, row_cost, col_cost, scale), annealing.temperatures(coldest)
    closed = _in_closed_form(cost, allowed, row_cost, col_cost)
    if closed is None:
        return compress_logits(_annealed(problems, temperatures, annealing.relaxation))
    odds = two_slot_log_odds(problems.with_unmatched(), temperatures[-1])
    if not _may_read(closed) or not bool(closed.all()):
        odds = torch.where(closed, odds, _annealed(problems, temperatures, annealing.relaxation))
    return compress_logits(odds)


def _may_read(values: Tensor) -> bool:
    """Return whether a choice may depend on values: not in a compiled graph, nor where a device would be waited for."""
    return values.is_cpu and not torch.compiler.is_compiling()


def _annealed(problems: "_Transport", temperatures: list[float], relaxation: float) -> Tensor:
    """Return the log-odds [b, n, m] after a step at each temperature."""
    rows, columns = _potentials(problems, temperatures, relaxation)
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
    problems = _Transport.of(cost, allowed, *unmatched_costs(cost, allowed, "never"))
    _, columns = _potentials(problems, annealing.temperatures(), annealing.relaxation)
    return (columns * problems.unit + problems.start).squeeze(1)


class _Transport(NamedTuple):
    """A batch of transport problems, in units of their scales and relative to initial potentials.

    Fields:
        cost: Float [b, n, m]; `FORBIDDEN` for impossible pairs.
        row_cost: Costs of staying unmatched, float [b, n, 1]; 0 for rows without an allowed pair.
        col_cost: Likewise, float [b, 1, m].
        row_usable: Rows with an allowed pair, bool [b, n, 1].
        col_usable: Likewise, bool [b, 1, m].
        unit: The scale, float [b, 1, 1].
        start: The initial potentials of columns, float [b, 1, m], in units of cost.
        every_slot_pairs: Whether no usable slot of the batch may stay unmatched.
    """

    cost: Tensor
    row_cost: Tensor
    col_cost: Tensor
    row_usable: Tensor
    col_usable: Tensor
    unit: Tensor
    start: Tensor
    every_slot_pairs: bool

    @classmethod
    def of(
        cls, cost: Tensor, allowed: Tensor, row_cost: Tensor, col_cost: Tensor, scale: float | Tensor | None = None
    ) -> "_Transport":
        """Return the problems of costs [b, n, m], allowed pairs, and costs of staying unmatched [b, n] and [b, m].

        Costs are reduced by the least of their columns and rows and divided by the scale, which changes no optimum. To
        gradients the problems' own scale is a constant; one that is given is not.
        """
        dtype = torch.promote_types(cost.dtype, torch.float32)
        usable = allowed.any(2, keepdim=True), allowed.any(1, keepdim=True)
        sides = (row_cost.unsqueeze(2), col_cost.unsqueeze(1))
        pair = (bool((side.isinf() | ~use).all()) for side, use in zip(sides, usable, strict=True))
        every_slot_pairs = _may_read(allowed) and all(pair)
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
        return cls(
            cost=((cost - rows - columns) / unit).clamp(max=FORBIDDEN),
            row_cost=((row_cost - rows) / unit).clamp(max=FORBIDDEN),
            col_cost=((col_cost - columns) / unit).clamp(max=FORBIDDEN),
            row_usable=usable[0],
            col_usable=usable[1],
            unit=unit,
            start=columns,
            every_slot_pairs=every_slot_pairs,
        )

    def with_unmatched(self) -> Tensor:
        """Return the costs [b, n, m] with those of staying unmatched where the other side's slot is missing."""
        alone = torch.where(self.row_usable, self.row_cost, self.col_cost)  # 0 where both are missing
        return torch.where(self.row_usable & self.col_usable, self.cost, alone)


def _in_closed_form(cost: Tensor, allowed: Tensor, row_cost: Tensor, col_cost: Tensor) -> Tensor | None:
    """Return which plans have a closed form, bool [b, 1, 1], where it is wanted: for gradients; otherwise None."""
    wanted = torch.is_grad_enabled() and cost.requires_grad and not torch.compiler.is_exporting()
    if not wanted or cost.shape[1:] != (SLOTS, SLOTS):
        return None
    return pairs_all_it_can(allowed, row_cost, col_cost)


def _potentials(problems: _Transport, temperatures: list[float], relaxation: float) -> tuple[Tensor, Tensor]:
    """Return the potentials of rows [b, n, 1] and columns [b, 1, m] after a step at each temperature.

    Exponentials of the matrix are taken once per step: for the columns they are those of the rows, scaled.
    """
    rows, columns = torch.zeros_like(problems.row_cost), torch.zeros_like(problems.col_cost)
    row_free, col_free = ~problems.row_usable, ~problems.col_usable
    for step, temperature in enumerate(temperatures):
        weight = relaxation if PLAIN_STEPS <= step < len(temperatures) - PLAIN_STEPS else 1.0
        if not problems.every_slot_pairs:
            rows, columns, row_free, col_free = _balanced(problems, rows, columns, temperature)
        exponents = (rows + columns).sub_(problems.cost).div_(temperature)
        mass = exponents.clamp_(min=LEAST_EXPONENT).exp_()
        change = -weight * _bounded_log(mass.sum(2, keepdim=True) + row_free)
        rows = rows.add(change, alpha=temperature)
        received = torch.bmm(change.exp().mT, mass) + col_free
        columns = columns.sub(_bounded_log(received), alpha=temperature * weight)
    return rows, columns


def _balanced(
    problems: _Transport, rows: Tensor, columns: Tensor, temperature: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the potentials [b, n, 1] and [b, 1, m] shifted so that unmatched masses fit together, and these masses."""
    row_free = _exp((rows - problems.row_cost) / temperature)
    col_free = _exp((columns - problems.col_cost) / temperature)
    row_use, col_use = problems.row_usable, problems.col_usable
    surplus = row_use.sum(1, keepdim=True) - col_use.sum(2, keepdim=True)
    factor = _balance((row_free * row_use).sum(1), (col_free * col_use).sum(2), surplus)
    shift = temperature * factor.log()
    return rows + shift, columns - shift, row_free * factor, col_free / factor


def _balance(row_free: Tensor, col_free: Tensor, surplus: Tensor) -> Tensor:
    """Return the factor x > 0 with row_free x - col_free / x = surplus, [b, 1, 1].

    `row_free` and `col_free`, [b, 1], are the total masses that stay unmatched, and surplus, [b, 1, 1], is how many
    more rows than columns there are. Multiplying the masses of all rows by x and dividing those of all columns leaves
    those of pairs as they are, so that alternate updates find x slowly.

    Source: T. Sejourne, F.-X. Vialard, G. Peyre, "Faster Unbalanced Optimal Transport: Translation invariant Sinkhorn
    and 1-D Frank-Wolfe", AISTATS 2022, section 2.
    """
    a, b = (free.unsqueeze(2).clamp(min=LEAST_FREE) for free in (row_free, col_free))
    larger = surplus.abs() + (surplus.square() + 4 * a * b).sqrt()  # above 0, so that both gradients are finite
    return torch.where(surplus >= 0, larger / (2 * a), 2 * b / larger)


def _exp(exponents: Tensor) -> Tensor:
    return exponents.clamp(LEAST_EXPONENT, -LEAST_EXPONENT).exp()


def _bounded_log(values: Tensor) -> Tensor:
    return values.log().clamp(-LARGEST_LOG, LARGEST_LOG)


def _costs_of_never(distance: Tensor, allowed: Tensor, n: Tensor, m: Tensor) -> tuple[Tensor, Tensor]:
    """Return the costs of staying unmatched of n usable rows and m usable columns, [b, 1] each."""
    largest = distance.masked_fill(~allowed, -math.inf).amax((1, 2))
    least = distance.masked_fill(~allowed, math.inf).amin((1, 2))
    complete = allowed.sum((1, 2)) == n * m
    above_all = torch.where(complete, math.inf, ABOVE_ALL * (largest - least) + largest)
    row_cost = torch.where(n <= m, above_all, 0.0)
    col_cost = torch.where((m < n) | ((m == n) & complete), above_all, 0.0)
    return row_cost.unsqueeze(1).to(distance.dtype), col_cost.unsqueeze(1).to(distance.dtype)
