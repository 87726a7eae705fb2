"""Scores are a pure function of model and problems, and mean what they are called."""

import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

import hnetzoo
from hnetzoo import AssociationBatch
from hnetzoo.benchmark.scoring import Scores, f1_of, score


class Probe(nn.Module):
    """Logits by a fixed map of the distances."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([-1.0, 0.5]))

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return self.scale[0] * distance + self.scale[1]


class Exact(nn.Module):
    """The baseline itself."""

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return torch.where(hnetzoo.assign(distance, row_mask, col_mask), 20.0, -20.0)


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


def scores_of(model: nn.Module, batch: AssociationBatch) -> Scores:
    return score("probe", model, batch)


def test_scores_count_what_the_model_found(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    scores = scores_of(Probe(), batch)
    found = (0.5 - batch.distance > 0).flatten().numpy()
    assert scores.f1 == pytest.approx(f1_score(batch.association.flatten().numpy(), found))
    exact = (found.reshape(60, -1) == batch.association.flatten(1).numpy()).all(1)
    assert scores.exact == pytest.approx(exact.mean())
    assert (scores.problems, scores.parameters) == (60, 2)
    assert scores.validity < 1


def test_the_f1_alone_is_that_of_the_scores(generator: torch.Generator) -> None:
    for batch in (random_batch(generator), masked_batch(generator)):
        assert f1_of("probe", Probe(), batch) == scores_of(Probe(), batch).f1


def test_scoring_twice_gives_the_same_and_leaves_the_problems_alone(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    before = batch.clone()
    assert scores_of(Probe(), batch) == scores_of(Probe(), batch)
    for name, field in before.tensors.items():
        assert torch.equal(field.nan_to_num(9.0), batch.tensors[name].nan_to_num(9.0))


@pytest.mark.parametrize("make", [random_batch, masked_batch])
def test_the_exact_solver_stands_level_with_itself(make, generator: torch.Generator) -> None:
    scores = scores_of(Exact(), make(generator))
    assert scores.delta_f1 == 0
    assert scores.cost_gap == 0
    assert scores.validity == 1
    assert scores.f1 == scores.f1_one_to_one


def test_the_exact_solver_has_no_gap_where_a_row_has_no_allowed_pair(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    distance = batch.distance.clone()
    distance[:, 0] = torch.inf
    assert scores_of(Exact(), batch._replace(distance=distance)).cost_gap == 0


def test_delta_f1_is_the_distance_from_the_exact_solver(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    baseline, probe = (scores_of(model, batch) for model in (Exact(), Probe()))
    assert probe.f1 != baseline.f1
    assert probe.delta_f1 == pytest.approx(probe.f1 - baseline.f1)


def test_counts_and_layouts_divide_the_problems_among_them(generator: torch.Generator) -> None:
    batch = active_batch(generator)
    scores = scores_of(Probe(), batch)
    counts, layouts = [], []
    for rows, columns in zip(*(active.int().tolist() for active in batch.activity), strict=True):
        counts.append(f"{sum(rows)}x{sum(columns)}")
        layouts.append(f"{''.join(map(str, rows))}x{''.join(map(str, columns))}")
    for groups, names in ((scores.cells, counts), (scores.layouts, layouts)):
        assert {name: group["problems"] for name, group in groups.items()} == {
            name: names.count(name) for name in names
        }
        assert sum(group["problems"] for group in groups.values()) == scores.problems
        exact = sum(group["exact"] * group["problems"] for group in groups.values()) / scores.problems
        assert exact == pytest.approx(scores.exact)


def test_counts_follow_the_masks_where_activity_is_not_hidden(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    scores = scores_of(Exact(), batch)
    sizes = [f"{n}x{m}" for n, m in zip(batch.row_mask.sum(1).tolist(), batch.col_mask.sum(1).tolist(), strict=True)]
    problems = {name: group["problems"] for name, group in scores.cells.items()}
    assert problems == {name: sizes.count(name) for name in sizes}
    assert scores.layouts == {}
    assert scores.weighted_f1 is None


def test_garbage_outside_the_masks_changes_no_score(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    found = []
    for garbage in (torch.nan, torch.inf, -torch.inf, 0.0):
        found.append(
            scores_of(Probe(), batch._replace(distance=batch.distance.masked_fill(~batch.cells, garbage))),
        )
    assert found[1:] == found[:-1]


def test_a_split_without_problems_has_vacuous_scores() -> None:
    scores = scores_of(Exact(), AssociationBatch.with_full_masks(torch.zeros(0, 2, 2), torch.zeros(0, 2, 2).bool()))
    assert (scores.problems, scores.f1, scores.exact, scores.delta_f1, scores.cost_gap) == (0, 1.0, 1.0, 0.0, 0.0)
    assert (scores.cells, scores.layouts, scores.weighted_f1) == ({}, {}, None)


def test_logits_that_are_no_numbers_are_an_error_that_names_the_model(generator: torch.Generator) -> None:
    class Broken(Probe):
        def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
            return super().forward(distance, row_mask, col_mask) / 0.0 * 0.0

    with pytest.raises(hnetzoo.ModelError, match="model 'probe' answers nan in row 0, column 0"):
        scores_of(Broken(), random_batch(generator))
