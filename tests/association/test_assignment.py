"""Exact assignment against scipy and against the enumeration of every matching."""

import math
import re
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hnetzoo import DataError, ShapeError, assign, valid_cells
from hnetzoo.association.assignment import LARGEST_CLOSED_FORM
from tests.association.cases import CASES, INF, Case

SIZES = tuple(product(range(7), repeat=2))
SMALL = tuple(product(range(LARGEST_CLOSED_FORM + 1), repeat=2))
PENALTY = 1e6  # of a forbidden pair; all costs here are far below


def total(cost: Tensor, chosen: Tensor) -> Tensor:
    """Sum the costs of the chosen pairs, float64 [b]."""
    return cost.double().masked_fill(~chosen, 0.0).sum((1, 2))


def allowed_pairs(cost: Tensor, row_mask: Tensor, col_mask: Tensor, gate: float = math.inf) -> Tensor:
    """Say from first principles which pairs may be chosen, bool [b, n, m]."""
    allowed = torch.zeros_like(cost, dtype=torch.bool)
    for place in np.ndindex(*cost.shape):
        problem, row, column = place
        exists = bool(row_mask[problem, row]) and bool(col_mask[problem, column])
        allowed[place] = exists and cost[place].item() < math.inf and cost[place].item() <= gate
    return allowed


def best_by_enumeration(cost: Tensor, allowed: Tensor) -> tuple[int, float]:
    """Try every partial matching of one problem; return the most pairs, and the least cost with so many."""
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


def best_by_scipy(cost: Tensor, allowed: Tensor) -> tuple[int, float]:
    """Solve one problem with scipy, forbidden pairs made dear and dropped afterwards."""
    matrix = np.where(allowed.numpy(), cost.double().numpy(), PENALTY)
    rows, columns = linear_sum_assignment(matrix)
    kept = allowed.numpy()[rows, columns]
    return -int(kept.sum()), float(matrix[rows, columns][kept].sum())


def random_problems(generator: torch.Generator, b: int, n: int, m: int, *, integer: bool = False) -> Tensor:
    if integer:
        return torch.randint(0, 4, (b, n, m), generator=generator).float()
    return 10 * torch.rand(b, n, m, generator=generator) - 5


def random_mask(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator) < 0.7


def assert_legal(chosen: Tensor, shape: tuple[int, ...]) -> None:
    assert chosen.dtype == torch.bool
    assert chosen.shape == shape
    assert not (chosen.sum(1) > 1).any()
    assert not (chosen.sum(2) > 1).any()


def by_solver(cost: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
    """Send small problems to the solver for large ones: pad them beyond the closed form with absent slots."""
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


@pytest.mark.parametrize("size", [3, 6])
@pytest.mark.parametrize("garbage", [math.nan, -math.inf, math.inf, -1e30])
def test_what_stands_outside_the_masks_changes_nothing(garbage: float, size: int, generator: torch.Generator) -> None:
    cost = random_problems(generator, 50, size, size)
    masks = random_mask(generator, 50, size), random_mask(generator, 50, size)
    outside = ~(masks[0].unsqueeze(2) & masks[1].unsqueeze(1))
    expected = assign(cost, *masks)
    assert torch.equal(assign(cost.masked_fill(outside, garbage), *masks), expected)
    assert not (expected & outside).any()


@pytest.mark.parametrize("size", [3, 6])
def test_a_slot_whose_pairs_are_all_forbidden_is_the_same_as_a_masked_one_even_in_a_tie(
    size: int, generator: torch.Generator
) -> None:
    cost = torch.randint(0, 3, (300, size, size), generator=generator).float()
    rows, columns = torch.rand(2, 300, size, generator=generator) < 0.7
    forbidden = cost.masked_fill(~valid_cells(rows, columns), math.inf)
    assert torch.equal(assign(forbidden), assign(cost, rows, columns))


@pytest.mark.parametrize("size", [2, 5])
@pytest.mark.parametrize(("value", "written"), [(math.nan, "nan"), (-math.inf, "-inf")])
def test_unusable_cost_names_problem_row_and_column(value: float, written: str, size: int) -> None:
    cost = torch.ones(4, size, size)
    cost[3, 1, 0] = value
    message = (
        f"distance is {written} at problem 3, row 1, column 0; distances inside the masks must be numbers "
        "(+inf forbids a pair): correct the value or mask the slot"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$") as caught:
        assign(cost)
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("shape", "rows", "columns", "message"),
    [
        ((2, 2), None, None, "expected problems of shape [b, n, m], got [2, 2]; add a batch axis to one matrix"),
        ((1, 2, 3, 4), None, None, "expected problems of shape [b, n, m], got [1, 2, 3, 4]"),
        ((5, 2, 3), (5, 3), None, "row_mask is bool [5, 3]; problems [5, 2, 3] need bool [5, 2]"),
        ((5, 2, 3), None, (5, 2), "col_mask is bool [5, 2]; problems [5, 2, 3] need bool [5, 3]"),
        ((5, 2, 3), (2,), None, "row_mask is bool [2]; problems [5, 2, 3] need bool [5, 2]"),
    ],
)
def test_wrong_shapes_are_named(
    shape: tuple[int, ...], rows: tuple[int, ...] | None, columns: tuple[int, ...] | None, message: str
) -> None:
    masks = (None if mask is None else torch.ones(mask).bool() for mask in (rows, columns))
    with pytest.raises(ShapeError, match=re.escape(message)):
        assign(torch.zeros(shape), *masks)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_masks_of_another_type_are_named(dtype: torch.dtype) -> None:
    message = f"row_mask is {str(dtype).removeprefix('torch.')} [5, 2]; problems [5, 2, 3] need bool [5, 2]"
    with pytest.raises(ShapeError, match=re.escape(message)):
        assign(torch.zeros(5, 2, 3), torch.ones(5, 2, dtype=dtype))


@pytest.mark.parametrize("size", [3, 6])
def test_inputs_are_not_mutated(size: int, generator: torch.Generator) -> None:
    inputs = random_problems(generator, 20, size, size), random_mask(generator, 20, size), random_mask(
        generator, 20, size
    )  # fmt: skip
    copies = [tensor.clone() for tensor in inputs]
    assign(*inputs, gate=1.0)
    for tensor, copy in zip(inputs, copies, strict=True):
        assert torch.equal(tensor, copy)


@pytest.mark.parametrize("size", [4, 6])
def test_a_problem_does_not_depend_on_its_batch_mates(size: int, generator: torch.Generator) -> None:
    cost = random_problems(generator, 40, size, size)
    cost[::4] *= 1e6
    order = torch.randperm(40, generator=generator)
    together = assign(cost)
    assert torch.equal(assign(cost[order]), together[order])
    assert torch.equal(torch.cat([assign(cost[index : index + 1]) for index in range(40)]), together)


def test_more_problems_than_one_step_takes_are_solved_alike(generator: torch.Generator) -> None:
    cost = random_problems(generator, 70_001, 2, 2)
    straight = cost[:, 0, 0] + cost[:, 1, 1] < cost[:, 0, 1] + cost[:, 1, 0]
    assert torch.equal(assign(cost), torch.eye(2).bool() ^ ~straight[:, None, None])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_every_number_type_is_solved(dtype: torch.dtype) -> None:
    cost = torch.tensor([[[1, 2], [2, 10]]], dtype=dtype)
    assert assign(cost).int().tolist() == [[[0, 1], [1, 0]]]


def test_gradients_are_neither_needed_nor_followed() -> None:
    cost = torch.rand(2, 5, 5, requires_grad=True)
    assert not assign(cost).requires_grad


def test_huge_costs_do_not_buy_a_missing_pair() -> None:
    cost = 1e17 * torch.tensor(
        [
            [INF, 0.0, 1.0, INF, INF],
            [INF, 1.0, INF, INF, 0.0],
            [0.0, INF, INF, 1.0, INF],
            [1.0, INF, 0.0, INF, INF],
            [INF, INF, INF, INF, 1.0],
        ]
    )
    assert int(assign(cost.unsqueeze(0)).sum()) == len(cost)


COSTS = st.sampled_from([-3, -1, 0, 1, 2, 3, None])  # None is a forbidden pair


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[list[int | None]], list[bool], list[bool], int | None]:
    """One problem, within the closed form or beyond: whole-number costs, masks, a gate or none."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    cost = draw(st.lists(st.lists(COSTS, min_size=m, max_size=m), min_size=n, max_size=n))
    masks = (draw(st.lists(st.booleans(), min_size=size, max_size=size)) for size in (n, m))
    return cost, *masks, draw(st.sampled_from([None, -2, 0, 1, 2]))


@given(problems(), st.sampled_from([0, -900, 900, 1021]), st.booleans(), st.booleans())
def test_any_costs_masks_and_gate_are_solved_as_by_enumeration(
    problem, exponent: int, tall: bool, masked: bool
) -> None:
    """Costs of any magnitude: whole numbers, whose sums are exact, times a power of two."""
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


@pytest.mark.parametrize("size", [2, 5])
def test_the_largest_numbers_beside_a_forbidden_pair_are_solved(size: int) -> None:
    cost = torch.full((1, size, size), 1e308, dtype=torch.float64)
    cost[0, 0, 0] = torch.inf
    cost[0, 1] = -1e308
    assert assign(cost).sum() == size


def test_an_outlier_in_one_problem_costs_another_no_precision() -> None:
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(64, 8, 8, generator=generator, dtype=torch.float64)
    cost[:, 0, :7] = torch.inf
    alone = assign(cost[1:])
    cost[0, 3, 3] = 1e18
    assert torch.equal(assign(cost)[1:], alone)
    cost[0, 3, 3] = -1e18
    assert torch.equal(assign(cost, gate=0.5)[1:], assign(cost[1:], gate=0.5))


def test_a_cost_that_is_no_number_is_named_by_its_place_in_the_whole_batch() -> None:
    cost = torch.zeros(3000, 8, 8)
    cost[2500, 3, 4] = torch.nan
    with pytest.raises(DataError, match="distance is nan at problem 2500, row 3, column 4"):
        assign(cost)
