"""The optimality gap bounds the excess cost of an assignment, whatever the potentials, and is 0 for the optimum."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

import hnetzoo

SHAPES = [(1, 1), (3, 3), (4, 7), (7, 4), (20, 20)]


def least_cost(distance: torch.Tensor, row_mask: torch.Tensor, col_mask: torch.Tensor) -> torch.Tensor:
    """Return the least total of a complete assignment of existing slots by scipy, float64 [b]."""
    totals = []
    for matrix, rows, columns in zip(distance.double(), row_mask, col_mask, strict=True):
        cut = matrix[rows][:, columns].numpy()
        totals.append(cut[linear_sum_assignment(cut)].sum())
    return torch.tensor(totals, dtype=torch.float64)


def problems(n: int, m: int, b: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(10 * n + m)
    distance = torch.randn(b, n, m, generator=generator)
    return distance, *(torch.rand(b, size, generator=generator) < 0.8 for size in (n, m))


def cost_of(logits: torch.Tensor, distance: torch.Tensor, *masks: torch.Tensor) -> torch.Tensor:
    return (distance.double() * hnetzoo.assign(-logits, *masks)).sum((1, 2))


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_the_gap_is_never_below_the_true_excess(n: int, m: int) -> None:
    distance, *masks = problems(n, m)
    logits = torch.randn(distance.shape, generator=torch.Generator().manual_seed(1))
    excess = cost_of(logits, distance, *masks) - least_cost(distance, *masks)
    for potentials in (None, torch.randn(len(distance), m), torch.zeros(len(distance), m)):
        gap = hnetzoo.optimality_gap(logits, distance, *masks, potentials=potentials)
        assert (gap >= excess - 1e-9).all()


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_optima_are_proven_almost_to_rounding(n: int, m: int) -> None:
    distance, *masks = problems(n, m)
    logits = torch.where(hnetzoo.assign(distance, *masks), 20.0, -20.0)
    gap = hnetzoo.optimality_gap(logits, distance, *masks)
    assert gap.dtype == torch.float64
    assert gap.max() < 1e-3
    assert gap.median() < 1e-6


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**31 - 1), st.floats(1e-3, 1e3))
def test_any_potentials_of_any_problem_prove_a_true_bound(n: int, m: int, seed: int, size: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    distance, potentials = (size * torch.randn(*shape, generator=generator) for shape in ((3, n, m), (3, m)))
    logits = torch.randn(3, n, m, generator=generator)
    excess = cost_of(logits, distance) - least_cost(distance, *(torch.ones(3, k, dtype=torch.bool) for k in (n, m)))
    assert (hnetzoo.optimality_gap(logits, distance, potentials=potentials) >= excess - 1e-9 * size).all()


def test_nothing_is_proven_where_forbidden_pairs_leave_no_complete_assignment() -> None:
    inf = math.inf
    distance = torch.tensor([[[1.0, inf], [2.0, inf]], [[1.0, inf], [2.0, 5.0]]])
    gap = hnetzoo.optimality_gap(-distance.nan_to_num(posinf=100.0), distance)
    assert gap[0] == inf
    assert gap[1] < 1e-9


def test_empty_and_fully_masked_problems_have_no_gap() -> None:
    for shape in ((0, 2, 2), (3, 0, 2), (3, 2, 0)):
        assert hnetzoo.optimality_gap(torch.zeros(shape), torch.zeros(shape)).tolist() == [0.0] * shape[0]
    nothing = torch.zeros(2, 3, dtype=torch.bool)
    assert hnetzoo.optimality_gap(torch.zeros(2, 3, 3), torch.rand(2, 3, 3), nothing, nothing).tolist() == [0.0, 0.0]


def test_values_outside_the_masks_prove_nothing() -> None:
    distance, *masks = problems(4, 5)
    spoiled = distance.masked_fill(~hnetzoo.valid_cells(*masks), torch.nan)
    torch.testing.assert_close(
        hnetzoo.optimality_gap(-distance, distance, *masks), hnetzoo.optimality_gap(-distance, spoiled, *masks)
    )


def test_logits_and_potentials_of_another_shape_are_refused() -> None:
    with pytest.raises(hnetzoo.ShapeError, match=r"logits \[1, 2, 2\] .* do not fit distances \[1, 2, 3\]"):
        hnetzoo.optimality_gap(torch.zeros(1, 2, 2), torch.zeros(1, 2, 3))
    with pytest.raises(hnetzoo.ShapeError, match=r"potentials \[1, 2\] do not fit"):
        hnetzoo.optimality_gap(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), potentials=torch.zeros(1, 2))
