"""The updates of the potentials of transport; `hnetzoo.association.transport` has the mathematics and the sources."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.loops import scan

Number = float | Tensor  # numbers in eager mode, elements of a tensor in an exported graph

PLAIN_STEPS = 2  # steps without relaxation at either end: before the potentials have settled, and so that ties do
LEAST_EXPONENT = -60.0  # exponentials below are slow subnormal numbers, and change nothing
LARGEST_LOG = 20.0  # of a correction in one step, so that no exponential overflows
LEAST_FREE = 1e-17  # total mass that stays unmatched, so that products are normal numbers
SMALL = 256  # pairs of a problem up to which the batch is the last axis: sums over a few slots are faster then


class TransportProblems(NamedTuple):
    """A batch of transport problems, in units of their scales and relative to initial potentials.

    Fields:
        cost: Float [b, n, m]; 1e20 for impossible pairs.
        row_cost: Costs of staying unmatched, float [b, n, 1]; 0 for rows without an allowed pair.
        col_cost: Likewise, float [b, 1, m].
        row_usable: Rows with an allowed pair, bool [b, n, 1].
        col_usable: Likewise, bool [b, 1, m].
        unit: The scale, float [b, 1, 1].
        start: The initial potentials of columns, float [b, 1, m], in units of cost.
        surplus: How many more usable rows than columns there are, float [b, 1, 1].
        every_slot_pairs: Whether no usable slot of the batch may stay unmatched.
        row_axis: The axis of the rows, before that of the columns.
    """

    cost: Tensor
    row_cost: Tensor
    col_cost: Tensor
    row_usable: Tensor
    col_usable: Tensor
    unit: Tensor
    start: Tensor
    surplus: Tensor
    every_slot_pairs: bool
    row_axis: int = 1

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All fields but the last two."""
        return self[:-2]

    def with_batch_last(self) -> "TransportProblems":
        """Return the problems with fields [n, m, b] instead of [b, n, m]."""
        turned = (field.permute(1, 2, 0).clone(memory_format=torch.contiguous_format) for field in self.tensors)
        return TransportProblems._make((*turned, self.every_slot_pairs, 0))

    def with_unmatched(self) -> Tensor:
        """Return the costs [b, n, m] with those of staying unmatched where the other side's slot is missing."""
        alone = torch.where(self.row_usable, self.row_cost, self.col_cost)  # 0 where both are missing
        return torch.where(self.row_usable & self.col_usable, self.cost, alone)


def potentials(problems: TransportProblems, temperatures: list[float], relaxation: float) -> tuple[Tensor, Tensor]:
    """Return the potentials of rows [b, n, 1] and columns [b, 1, m] after a step at each temperature."""
    settled = range(PLAIN_STEPS, len(temperatures) - PLAIN_STEPS)
    weights = [relaxation if step in settled else 1.0 for step in range(len(temperatures))]
    exported, (_, n, m) = torch.compiler.is_exporting(), problems.cost.shape
    if not exported and n * m > SMALL:
        return _loop(problems, temperatures, weights)
    rows, columns = (_scan if exported else _loop)(problems.with_batch_last(), temperatures, weights)
    return rows.permute(2, 0, 1), columns.permute(2, 0, 1)


def _loop(problems: TransportProblems, temperatures: list[float], weights: list[float]) -> tuple[Tensor, Tensor]:
    """Return the potentials after all steps, in the axes of the problems."""
    rows, columns = torch.zeros_like(problems.row_cost), torch.zeros_like(problems.col_cost)
    for temperature, weight in zip(temperatures, weights, strict=True):
        rows, columns = _step(problems, rows, columns, temperature, weight, temperature * weight)
    return rows, columns


def _scan(problems: TransportProblems, temperatures: list[float], weights: list[float]) -> tuple[Tensor, Tensor]:
    """Return what `_loop` returns, by a loop of an exported graph."""
    start = [torch.zeros_like(problems.row_cost), torch.zeros_like(problems.col_cost)]
    lengths = [temperature * weight for temperature, weight in zip(temperatures, weights, strict=True)]
    schedule = [start[0].new_tensor(values) for values in (temperatures, weights, lengths)]

    def step(rows: Tensor, columns: Tensor, temperature: Tensor, weight: Tensor, length: Tensor, *of: Tensor) -> Any:
        return list(_step(TransportProblems._make((*of, False, 0)), rows, columns, temperature, weight, length))

    rows, columns = scan(step, start, schedule, list(problems.tensors))
    return rows, columns


def _step(
    problems: TransportProblems, rows: Tensor, columns: Tensor, temperature: Number, weight: Number, length: Number
) -> tuple[Tensor, Tensor]:
    """Return the potentials after a step; length is temperature x weight.

    Exponentials of the matrix are taken once per step: for the columns they are those of the rows, scaled.
    """
    row_free, col_free = ~problems.row_usable, ~problems.col_usable
    if not problems.every_slot_pairs:
        rows, columns, row_free, col_free = _balanced(problems, rows, columns, temperature)
    exponents = (rows + columns).sub_(problems.cost).div_(temperature)
    mass = exponents.clamp_(min=LEAST_EXPONENT).exp_()
    change = -weight * _bounded_log(mass.sum(problems.row_axis + 1, keepdim=True) + row_free)
    share = change.exp()
    summed = torch.bmm(share.mT, mass) if problems.row_axis else (share * mass).sum(0, keepdim=True)
    return _moved(rows, change, temperature), _moved(columns, -_bounded_log(summed + col_free), length)


def _moved(potential: Tensor, change: Tensor, length: Number) -> Tensor:
    """Return potential + length x change."""
    return potential + length * change if isinstance(length, Tensor) else potential.add(change, alpha=length)


def _balanced(
    problems: TransportProblems, rows: Tensor, columns: Tensor, temperature: Number
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the potentials shifted so that unmatched masses fit together, and these masses; shapes as in a step."""
    row_free = _exp((rows - problems.row_cost) / temperature)
    col_free = _exp((columns - problems.col_cost) / temperature)
    row_total = (row_free * problems.row_usable).sum(problems.row_axis, keepdim=True)
    col_total = (col_free * problems.col_usable).sum(problems.row_axis + 1, keepdim=True)
    factor = _balance(row_total, col_total, problems.surplus)
    shift = temperature * factor.log()
    return rows + shift, columns - shift, row_free * factor, col_free / factor


def _balance(row_free: Tensor, col_free: Tensor, surplus: Tensor) -> Tensor:
    """Return the factor x > 0 with row_free x - col_free / x = surplus, [b, 1, 1].

    `row_free` and `col_free` are the total masses that stay unmatched, and surplus is how many more rows than columns
    there are, all [b, 1, 1]. Multiplying the masses of all rows by x and dividing those of all columns leaves
    those of pairs as they are, so that alternate updates find x slowly.

    Source: T. Sejourne, F.-X. Vialard, G. Peyre, "Faster Unbalanced Optimal Transport: Translation invariant Sinkhorn
    and 1-D Frank-Wolfe", AISTATS 2022, section 2.
    """
    a, b = (free.clamp(min=LEAST_FREE) for free in (row_free, col_free))
    larger = surplus.abs() + (surplus.square() + 4 * a * b).sqrt()  # above 0, so that both gradients are finite
    return torch.where(surplus >= 0, larger / (2 * a), 2 * b / larger)


def _exp(exponents: Tensor) -> Tensor:
    return exponents.clamp(LEAST_EXPONENT, -LEAST_EXPONENT).exp()


def _bounded_log(values: Tensor) -> Tensor:
    return values.log().clamp(-LARGEST_LOG, LARGEST_LOG)
