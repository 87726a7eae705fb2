"""Exact assignment against scipy and against the enumeration of every matching."""

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hnetzoo import assign
from hnetzoo.association.assignment import LARGEST_CLOSED_FORM
from tests.association.cases import CASES, Case
from tests.association.problems import (
    allowed_pairs,
    assert_legal,
    best_by_enumeration,
    random_mask,
    random_problems,
    total,
)

SIZES = tuple(product(range(7), repeat=2))
SMALL = tuple(product(range(LARGEST_CLOSED_FORM + 1), repeat=2))
PENALTY = 1e6  # of a forbidden pair; all costs here are far below


def best_by_scipy(cost: Tensor, allowed: Tensor) -> tuple[int, float]:
    """Return the same from scipy, with a penalty for forbidden pairs, which are dropped afterwards."""
    matrix = np.where(allowed.numpy(), cost.double().numpy(), PENALTY)
    rows, columns = linear_sum_assignment(matrix)
    kept = allowed.numpy()[rows, columns]
    return -int(kept.sum()), float(matrix[rows, columns][kept].sum())


def by_solver(cost: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
    """Return the solution of small problems by the solver for large ones: pad them with masked slots."""
    b, n, m = cost.shape
    extra = LARGEST_CLOSED_FORM + 1
    padded = torch.nn.functional.pad(cost, (0, extra, 0, extra), value=-1.0)
    masks = [
        torch.nn.functional.pad(torch.ones(b, size).bool() if mask is None else mask, (0, extra), value=False)
        for mask, size in ((row_mask, n), (col_mask, m))
    ]
    return assign(padded, *masks)[:, :n, :m]


@pytest.mark.parametrize("integer", [False, True], ids=["distinct", "tied"])
def test_cost_equals_scipy_for_every_size_up_to_six(integer: bool, generator: torch.Generator) -> None:
    for n, m in SIZES:
        cost = random_problems(generator, 48, n, m, integer=integer)
        chosen = assign(cost)
        assert_legal(chosen, cost.shape)
        for problem, spent in zip(cost.double().numpy(), total(cost, chosen).tolist(), strict=True):
            assert spent == pytest.approx(problem[linear_sum_assignment(problem)].sum(), abs=1e-9)
        assert (chosen.sum((1, 2)) == min(n, m)).all()


@pytest.mark.parametrize("gate", [math.inf, 1.0], ids=["forbidden", "gated"])
@pytest.mark.parametrize("integer", [False, True], ids=["distinct", "tied"])
def test_most_pairs_then_least_cost_equals_enumeration_of_all_matchings(
    integer: bool, gate: float, generator: torch.Generator
) -> None:
    for n, m in SMALL:
        cost = random_problems(generator, 12, n, m, integer=integer)
        cost[torch.rand(cost.shape, generator=generator) < 0.25] = torch.inf
        masks = random_mask(generator, 12, n), random_mask(generator, 12, m)
        allowed = allowed_pairs(cost, *masks, gate)
        chosen = assign(cost, *masks, gate=None if gate == math.inf else gate)
        assert_legal(chosen, cost.shape)
        assert not (chosen & ~allowed).any()
        for index in range(len(cost)):
            pairs, spent = best_by_enumeration(cost[index], allowed[index])
            assert int(chosen[index].sum()) == -pairs
            assert total(cost, chosen)[index].item() == pytest.approx(spent, abs=1e-9)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (6, 5), (5, 6), (2, 6), (6, 1), (9, 12)])
def test_most_pairs_then_least_cost_equals_scipy_with_a_dominating_penalty(
    n: int, m: int, generator: torch.Generator
) -> None:
    cost = random_problems(generator, 60, n, m)
    cost[torch.rand(cost.shape, generator=generator) < 0.4] = torch.inf
    masks = random_mask(generator, 60, n), random_mask(generator, 60, m)
    allowed = allowed_pairs(cost, *masks, gate=2.0)
    chosen = assign(cost, *masks, gate=2.0)
    assert_legal(chosen, cost.shape)
    assert not (chosen & ~allowed).any()
    for index in range(len(cost)):
        pairs, spent = best_by_scipy(cost[index], allowed[index])
        assert int(chosen[index].sum()) == -pairs
        assert total(cost, chosen)[index].item() == pytest.approx(spent, abs=1e-9)


def test_enumeration_and_solver_agree_on_the_same_problems(generator: torch.Generator) -> None:
    for n, m in SMALL:
        cost = random_problems(generator, 20, n, m)
        cost[torch.rand(cost.shape, generator=generator) < 0.2] = torch.inf
        masks = random_mask(generator, 20, n), random_mask(generator, 20, m)
        assert torch.equal(assign(cost, *masks), by_solver(cost, *masks))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_named_problems_have_their_known_optimum(case: Case) -> None:
    before = case.cost.clone()
    chosen = assign(case.cost, case.row_mask, case.col_mask, gate=case.gate)
    assert_legal(chosen, case.cost.shape)
    assert tuple(chosen.sum((1, 2)).tolist()) == case.counts
    assert total(case.cost, chosen).tolist() == pytest.approx(case.totals)
    for found, known in zip(chosen, case.pairs, strict=True):
        assert known is None or tuple(map(tuple, found.nonzero().tolist())) == known
    assert torch.equal(case.cost.nan_to_num(), before.nan_to_num()), "the input was changed"


@pytest.mark.parametrize("case", [case for case in CASES if case.gate is None], ids=lambda case: case.name)
def test_named_problems_have_the_same_optimum_through_the_solver(case: Case) -> None:
    chosen = by_solver(case.cost, case.row_mask, case.col_mask)
    assert tuple(chosen.sum((1, 2)).tolist()) == case.counts
    assert total(case.cost, chosen).tolist() == pytest.approx(case.totals)


COSTS = st.sampled_from([-3, -1, 0, 1, 2, 3, None])  # None is a forbidden pair


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[list[int | None]], list[bool], list[bool], int | None]:
    """Return one problem, small or large, with integer costs, masks, and a gate or none."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    cost = draw(st.lists(st.lists(COSTS, min_size=m, max_size=m), min_size=n, max_size=n))
    masks = (draw(st.lists(st.booleans(), min_size=size, max_size=size)) for size in (n, m))
    return cost, *masks, draw(st.sampled_from([None, -2, 0, 1, 2]))


@given(problems(), st.sampled_from([0, -900, 900, 1021]), st.booleans(), st.booleans())
def test_any_costs_masks_and_gate_are_solved_as_by_enumeration(
    problem, exponent: int, tall: bool, masked: bool
) -> None:
    """Costs of any magnitude: integers, whose sums are exact, times a power of two."""
    whole, rows, columns, gate = problem
    number = torch.tensor([[math.inf if value is None else value for value in row] for row in whole]).double()
    masks = [torch.tensor([rows]), torch.tensor([columns])] if masked else [None, None]
    unit = 2.0**exponent
    cost = number.unsqueeze(0) * unit
    if tall:
        cost, masks, number = cost.mT.contiguous(), masks[::-1], number.mT
    chosen = assign(cost, *masks, gate=None if gate is None else gate * unit)
    assert_legal(chosen, cost.shape)
    sizes = zip(masks, cost.shape[1:], strict=True)
    full = [torch.ones(1, size, dtype=torch.bool) if mask is None else mask for mask, size in sizes]
    allowed = allowed_pairs(number.unsqueeze(0), *full, math.inf if gate is None else gate)[0]
    assert not (chosen[0] & ~allowed).any()
    pairs, least = best_by_enumeration(number, allowed)
    assert int(chosen.sum()) == -pairs
    assert number[chosen[0]].sum().item() == least
