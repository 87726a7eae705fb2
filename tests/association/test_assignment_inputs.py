"""Exact assignment: masks, types, magnitudes and batches of costs, and the errors of wrong ones."""

import math
import re

import pytest
import torch

from hnetzoo import DataError, ShapeError, assign, valid_cells
from tests.association.cases import INF
from tests.association.problems import random_mask, random_problems


@pytest.mark.parametrize("size", [3, 6])
@pytest.mark.parametrize("garbage", [math.nan, -math.inf, math.inf, -1e30])
def test_values_outside_the_masks_change_nothing(garbage: float, size: int, generator: torch.Generator) -> None:
    cost = random_problems(generator, 50, size, size)
    masks = random_mask(generator, 50, size), random_mask(generator, 50, size)
    outside = ~(masks[0].unsqueeze(2) & masks[1].unsqueeze(1))
    expected = assign(cost, *masks)
    assert torch.equal(assign(cost.masked_fill(outside, garbage), *masks), expected)
    assert not (expected & outside).any()


@pytest.mark.parametrize("size", [3, 6])
def test_a_slot_without_an_allowed_pair_acts_like_a_masked_one_even_in_a_tie(
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
def test_a_problem_does_not_depend_on_the_rest_of_its_batch(size: int, generator: torch.Generator) -> None:
    cost = random_problems(generator, 40, size, size)
    cost[::4] *= 1e6
    order = torch.randperm(40, generator=generator)
    together = assign(cost)
    assert torch.equal(assign(cost[order]), together[order])
    assert torch.equal(torch.cat([assign(cost[index : index + 1]) for index in range(40)]), together)


def test_batches_larger_than_one_step_are_solved(generator: torch.Generator) -> None:
    cost = random_problems(generator, 70_001, 2, 2)
    straight = cost[:, 0, 0] + cost[:, 1, 1] < cost[:, 0, 1] + cost[:, 1, 0]
    assert torch.equal(assign(cost), torch.eye(2).bool() ^ ~straight[:, None, None])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int64])
def test_costs_of_every_numeric_type_are_solved(dtype: torch.dtype) -> None:
    cost = torch.tensor([[[1, 2], [2, 10]]], dtype=dtype)
    assert assign(cost).int().tolist() == [[[0, 1], [1, 0]]]


def test_the_association_requires_no_gradient() -> None:
    cost = torch.rand(2, 5, 5, requires_grad=True)
    assert not assign(cost).requires_grad


def test_huge_costs_do_not_reduce_the_number_of_pairs() -> None:
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


@pytest.mark.parametrize("size", [2, 5])
def test_the_largest_numbers_beside_a_forbidden_pair_are_solved(size: int) -> None:
    cost = torch.full((1, size, size), 1e308, dtype=torch.float64)
    cost[0, 0, 0] = torch.inf
    cost[0, 1] = -1e308
    assert assign(cost).sum() == size


def test_an_outlier_in_one_problem_does_not_reduce_the_precision_of_another() -> None:
    generator = torch.Generator().manual_seed(0)
    cost = torch.rand(64, 8, 8, generator=generator, dtype=torch.float64)
    cost[:, 0, :7] = torch.inf
    alone = assign(cost[1:])
    cost[0, 3, 3] = 1e18
    assert torch.equal(assign(cost)[1:], alone)
    cost[0, 3, 3] = -1e18
    assert torch.equal(assign(cost, gate=0.5)[1:], assign(cost[1:], gate=0.5))


def test_a_nan_cost_is_reported_with_its_index_in_the_whole_batch() -> None:
    cost = torch.zeros(3000, 8, 8)
    cost[2500, 3, 4] = torch.nan
    with pytest.raises(DataError, match="distance is nan at problem 2500, row 3, column 4"):
        assign(cost)
