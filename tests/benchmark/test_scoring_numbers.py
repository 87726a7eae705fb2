"""The numbers of an evaluation against their plain definitions: weighted F1 and cost gap."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import f1_score
from torch import Tensor

import hnetzoo
from hnetzoo.benchmark.scoring import ORIGINAL_BATCH, gaps, weighted_f1


def plain_weighted_f1(association: Tensor, truth: Tensor, weights: Tensor, order: Tensor) -> float:
    """The original Hnet's number the plain way: batch by batch, label shares repeated for each problem."""
    scores = []
    for start in range(0, len(order) - ORIGINAL_BATCH + 1, ORIGINAL_BATCH):
        y_true, y_pred, per_cell = [], [], []
        for problem in order[start : start + ORIGINAL_BATCH].tolist():
            y_true += truth[problem].flatten().int().tolist()
            y_pred += association[problem].flatten().int().tolist()
            per_cell += weights.flatten().tolist()
        scores.append(f1_score(y_true, y_pred, average="weighted", zero_division=1, sample_weight=per_cell))
    return float(np.mean(scores))


@pytest.mark.parametrize("b", [ORIGINAL_BATCH, 2 * ORIGINAL_BATCH + 100])
def test_weighted_f1_equals_the_plain_sklearn_computation(b: int, generator: torch.Generator) -> None:
    truth = torch.eye(2).bool() & (torch.rand(b, 2, 2, generator=generator) < 0.7)
    association = truth ^ (torch.rand(b, 2, 2, generator=generator) < 0.1)
    weights = torch.tensor([[0.305, 0.25], [0.25, 0.194]]).double()
    order = torch.randperm(b, generator=torch.Generator().manual_seed(3))
    expected = plain_weighted_f1(association, truth, weights, order)
    assert 0.5 < expected < 1
    assert weighted_f1(association, truth, weights, seed=3) == pytest.approx(expected, abs=1e-12)
    assert weighted_f1(truth, truth, weights, seed=3) == 1.0


def test_weighted_f1_weighs_both_classes_by_their_weighted_support(generator: torch.Generator) -> None:
    """The definition written out for one batch, whose shuffle cannot matter."""
    truth, found = torch.rand(2, ORIGINAL_BATCH, 2, 3, generator=generator) < 0.4
    weights = torch.rand(2, 3, generator=generator).double()
    mass = {
        (t, f): float((weights * ((truth == t) & (found == f))).sum()) for t in (True, False) for f in (True, False)
    }
    expected = 0.0
    for label in (True, False):
        wrong = mass[label, not label] + mass[not label, label]
        f1 = 2 * mass[label, label] / (2 * mass[label, label] + wrong)
        expected += f1 * (mass[label, label] + mass[label, not label]) / sum(mass.values())
    assert weighted_f1(found, truth, weights, seed=0) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weights", [[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.5], [0.25, 0.0]]])
def test_places_that_are_never_labelled_weigh_nothing(weights: list[list[float]], generator: torch.Generator) -> None:
    truth = torch.eye(2).bool().expand(ORIGINAL_BATCH, 2, 2)
    unweighted = torch.tensor(weights) == 0
    found = truth ^ (unweighted & (torch.rand(truth.shape, generator=generator) < 0.5))
    assert not torch.equal(found, truth)
    assert weighted_f1(found, truth, torch.tensor(weights), seed=0) == 1.0


@pytest.mark.parametrize(
    ("b", "weights"),
    [
        (2 * ORIGINAL_BATCH, None),
        (ORIGINAL_BATCH - 1, torch.ones(2, 2)),
        (0, torch.ones(2, 2)),
        (300, torch.zeros(2, 2)),
    ],
    ids=["no-label-shares", "less-than-a-batch", "no-problems", "no-positive-weight"],
)
def test_weighted_f1_is_none_where_it_has_no_meaning(b: int, weights: Tensor | None) -> None:
    nothing = torch.zeros(b, 2, 2).bool()
    assert weighted_f1(nothing, nothing, weights, seed=0) is None


def plain_cost_gap(logits: Tensor, distance: Tensor, row_active: Tensor, col_active: Tensor) -> float:
    """Decode each active block to the complete assignment of largest total, with scipy, and compare summed costs."""
    cost = least = 0.0
    for problem in range(len(distance)):
        block = np.ix_(row_active[problem].numpy(), col_active[problem].numpy())
        costs, scores = distance[problem].double().numpy()[block], logits[problem].double().numpy()[block]
        cost += costs[linear_sum_assignment(scores, maximize=True)].sum()
        least += costs[linear_sum_assignment(costs)].sum()
    return (cost - least) / least


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 4), (6, 5)])
def test_cost_gap_equals_the_plain_scipy_computation(n: int, m: int, generator: torch.Generator) -> None:
    distance = torch.rand(50, n, m, generator=generator)
    logits = torch.randn(50, n, m, generator=generator) - 2 * distance
    active = torch.rand(50, n, generator=generator) < 0.7, torch.rand(50, m, generator=generator) < 0.7
    expected = plain_cost_gap(logits, distance, *active)
    assert gaps(logits, distance, *active).cost == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert (expected > 0.05) == (max(n, m) > 1)


def test_cost_gap_of_the_right_order_is_zero(generator: torch.Generator) -> None:
    distance = torch.rand(50, 3, 3, generator=generator)
    active = torch.ones(50, 3).bool()
    assert gaps(-5 * distance, distance, active, active).cost == 0.0
    assert gaps(distance, distance, active, active).cost > 0.5


def test_cost_gap_sums_costs_before_the_ratio() -> None:
    distance = torch.tensor([[[1.0, 2.0], [2.0, 1.0]], [[10.0, 11.0], [11.0, 10.0]]])
    logits = torch.tensor([[[-1.0, 1.0], [1.0, -1.0]], [[1.0, -1.0], [-1.0, 1.0]]])
    active = torch.ones(2, 2).bool()
    assert gaps(logits, distance, active, active).cost == pytest.approx(2 / 22)


@pytest.mark.parametrize("shape", [(0, 2, 2), (3, 0, 2), (3, 2, 2)])
def test_cost_gap_is_zero_where_nothing_costs_anything(shape: tuple[int, int, int]) -> None:
    b, n, m = shape
    zeros, garbage = torch.zeros(shape), torch.full(shape, torch.nan)
    assert gaps(zeros, zeros, torch.ones(b, n).bool(), torch.ones(b, m).bool()).cost == 0.0
    assert gaps(garbage, garbage, torch.zeros(b, n).bool(), torch.ones(b, m).bool()).cost == 0.0


def test_cost_gap_above_a_free_optimum_is_none() -> None:
    distance = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    active = torch.ones(1, 2).bool()
    assert gaps(-distance, distance, active, active).cost == 0.0
    assert gaps(distance, distance, active, active).cost is None


def test_cost_gap_leaves_out_pairs_that_are_forbidden() -> None:
    """A row without an allowed pair has no partner in either assignment, however likely the model finds one."""
    distance = torch.tensor([[[torch.inf, torch.inf], [1.0, 2.0]]])
    logits = torch.tensor([[[9.0, 9.0], [1.0, -1.0]]])
    active = torch.ones(1, 2).bool()
    assert gaps(-distance.clamp(max=1e4), distance, active, active).cost == 0.0
    assert gaps(logits, distance, active, active).cost == 0.0
    assert gaps(-logits, distance, active, active).cost == pytest.approx(1.0)


@pytest.mark.parametrize("logit", [-torch.inf, -1e30, torch.inf])
def test_cost_gap_of_equal_logits_is_not_zero_by_default(logit: float, generator: torch.Generator) -> None:
    """Logits that say nothing choose some assignment, whose cost counts."""
    distance = torch.rand(50, 3, 3, generator=generator)
    active = torch.ones(50, 3).bool()
    assert gaps(torch.full((50, 3, 3), logit), distance, active, active).cost > 0.2


def test_cost_gap_tells_infinite_logits_from_finite_ones(generator: torch.Generator) -> None:
    distance = torch.rand(50, 3, 3, generator=generator)
    active = torch.ones(50, 3).bool()
    best = hnetzoo.assign(distance)
    likely = torch.where(best, torch.rand(50, 3, 3, generator=generator), -torch.inf)
    assert gaps(likely, distance, active, active).cost == 0.0


def test_cost_gap_of_negative_costs_is_not_hidden() -> None:
    distance = torch.tensor([[[-4.0, -1.0], [-1.0, -4.0]]])
    active = torch.ones(1, 2).bool()
    assert gaps(distance, distance, active, active).cost == pytest.approx(6 / 8)
