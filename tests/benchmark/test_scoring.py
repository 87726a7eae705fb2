"""Scores are a pure function of logits and problems, and mean what they are called."""

import pytest
import torch
from sklearn import metrics
from sklearn.calibration import calibration_curve
from torch import Tensor

import hnetzoo
from hnetzoo import AssociationBatch
from hnetzoo.benchmark.scoring import f1_score, score


def probe(batch: AssociationBatch) -> Tensor:
    """Answer by a fixed map of the distances."""
    return torch.where(batch.cells, 0.5 - batch.distance, -9.0)


def exact(batch: AssociationBatch) -> Tensor:
    """Answer as the baseline."""
    return torch.where(hnetzoo.assign(batch.distance, batch.row_mask, batch.col_mask), 20.0, -20.0)


def random_batch(generator: torch.Generator, b: int = 60, n: int = 2, m: int = 3) -> AssociationBatch:
    distance = torch.rand(b, n, m, generator=generator)
    return AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance, gate=0.8))


def masked_batch(generator: torch.Generator, b: int = 60, n: int = 3, m: int = 3) -> AssociationBatch:
    """Ragged problems whose padding is NaN."""
    distance = torch.rand(b, n, m, generator=generator)
    masks = torch.rand(b, n, generator=generator) < 0.7, torch.rand(b, m, generator=generator) < 0.7
    batch = AssociationBatch(distance, hnetzoo.assign(distance, *masks), *masks)
    return batch._replace(distance=distance.masked_fill(~batch.cells, torch.nan))


def active_batch(generator: torch.Generator) -> AssociationBatch:
    rows, columns = torch.rand(2, 60, 2, generator=generator) < 0.6
    return random_batch(generator, n=2, m=2)._replace(row_active=rows, col_active=columns)


def test_scores_count_what_was_found(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    scores = score(probe(batch), batch)
    found = (0.5 - batch.distance > 0).flatten().numpy()
    assert scores.f1 == pytest.approx(metrics.f1_score(batch.association.flatten().numpy(), found))
    whole = (found.reshape(60, -1) == batch.association.flatten(1).numpy()).all(1)
    assert scores.exact == pytest.approx(whole.mean())
    assert scores.problems == 60
    assert scores.validity < 1


def test_the_f1_alone_is_that_of_the_scores(generator: torch.Generator) -> None:
    for batch in (random_batch(generator), masked_batch(generator)):
        assert f1_score(probe(batch), batch) == score(probe(batch), batch).f1


def test_calibration_is_that_of_scikit_learn_without_masked_pairs(generator: torch.Generator) -> None:
    batch = masked_batch(generator, b=500)
    logits = 8 * probe(batch)
    bins = score(logits, batch).calibration
    truth, probability = batch.association[batch.cells].numpy(), logits[batch.cells].double().sigmoid().numpy()
    shares, means = calibration_curve(truth, probability, n_bins=10)
    assert [one["true"] for one in bins] == pytest.approx(shares.tolist())
    assert [one["probability"] for one in bins] == pytest.approx(means.tolist())
    assert sum(one["pairs"] for one in bins) == batch.cells.sum()


def test_sure_answers_are_in_the_outer_tenths(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    bins = score(exact(batch), batch).calibration
    assert [round(one["probability"], 6) for one in bins] == [0.0, 1.0]


def test_scoring_twice_gives_the_same_and_leaves_the_problems_alone(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    before = batch.clone()
    assert score(probe(batch), batch) == score(probe(batch), batch)
    for name, field in before.tensors.items():
        assert torch.equal(field.nan_to_num(9.0), batch.tensors[name].nan_to_num(9.0))


@pytest.mark.parametrize("make", [random_batch, masked_batch])
def test_the_exact_solver_stands_level_with_itself(make, generator: torch.Generator) -> None:
    batch = make(generator)
    scores = score(exact(batch), batch)
    assert scores.delta_f1 == 0
    assert scores.cost_gap == 0
    assert scores.validity == 1
    assert scores.f1 == scores.f1_one_to_one


def test_the_exact_solver_has_no_gap_where_a_row_has_no_allowed_pair(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    distance = batch.distance.clone()
    distance[:, 0] = torch.inf
    hard = batch._replace(distance=distance)
    assert score(exact(hard), hard).cost_gap == 0


def test_delta_f1_is_the_distance_from_the_exact_solver(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    baseline, other = (score(answer(batch), batch) for answer in (exact, probe))
    assert other.f1 != baseline.f1
    assert other.delta_f1 == pytest.approx(other.f1 - baseline.f1)


def test_counts_and_layouts_divide_the_problems_among_them(generator: torch.Generator) -> None:
    batch = active_batch(generator)
    scores = score(probe(batch), batch)
    counts, layouts = [], []
    for rows, columns in zip(*(active.int().tolist() for active in batch.activity), strict=True):
        counts.append(f"{sum(rows)}x{sum(columns)}")
        layouts.append(f"{''.join(map(str, rows))}x{''.join(map(str, columns))}")
    for groups, names in ((scores.cells, counts), (scores.layouts, layouts)):
        assert {name: group["problems"] for name, group in groups.items()} == {
            name: names.count(name) for name in names
        }
        assert sum(group["problems"] for group in groups.values()) == scores.problems
        share = sum(group["exact"] * group["problems"] for group in groups.values()) / scores.problems
        assert share == pytest.approx(scores.exact)


def test_counts_follow_the_masks_where_activity_is_not_hidden(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    scores = score(exact(batch), batch)
    sizes = [f"{n}x{m}" for n, m in zip(batch.row_mask.sum(1).tolist(), batch.col_mask.sum(1).tolist(), strict=True)]
    problems = {name: group["problems"] for name, group in scores.cells.items()}
    assert problems == {name: sizes.count(name) for name in sizes}
    assert scores.layouts == {}
    assert scores.weighted_f1 is None


def test_garbage_outside_the_masks_changes_no_score(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    found = []
    for garbage in (torch.nan, torch.inf, -torch.inf, 0.0):
        filled = batch._replace(distance=batch.distance.masked_fill(~batch.cells, garbage))
        found.append(score(probe(filled).masked_fill(~batch.cells, garbage), filled))
    assert found[1:] == found[:-1]


def test_a_split_without_problems_has_vacuous_scores() -> None:
    batch = AssociationBatch.with_full_masks(torch.zeros(0, 2, 2), torch.zeros(0, 2, 2).bool())
    scores = score(exact(batch), batch)
    assert (scores.problems, scores.f1, scores.exact, scores.delta_f1, scores.cost_gap) == (0, 1.0, 1.0, 0.0, 0.0)
    assert (scores.cells, scores.layouts, scores.weighted_f1) == ({}, {}, None)


def test_the_proven_gap_is_no_smaller_than_the_gap_and_as_small_for_optimal_answers(generator: torch.Generator) -> None:
    distance = torch.rand(50, 5, 7, generator=generator)
    batch = AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance))
    poor = score(torch.randn(50, 5, 7, generator=generator), batch)
    assert poor.cost_gap is not None
    assert poor.proven_gap == pytest.approx(poor.cost_gap, abs=1e-3)
    assert poor.proven_gap >= poor.cost_gap > 0.5
    assert score(exact(batch), batch).proven_gap == pytest.approx(0, abs=1e-3)


def test_nothing_is_proven_where_no_pair_is_possible() -> None:
    nothing = torch.full((3, 2, 2), torch.inf)
    batch = AssociationBatch.with_full_masks(nothing, torch.zeros(3, 2, 2, dtype=torch.bool))
    assert score(torch.zeros(3, 2, 2), batch).proven_gap is None
