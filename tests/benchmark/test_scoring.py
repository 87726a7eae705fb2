"""The evaluation loop on tiny datasets held in memory."""

import re

import pytest
import torch
from sklearn.metrics import f1_score
from torch import Tensor, nn

import hnetzoo
from hnetzoo import AssociationBatch, DataError
from hnetzoo.association.prediction import cut, predict
from hnetzoo.association.splits import load_split
from hnetzoo.benchmark.scoring import load_problems, score

LABELS = {"model": "probe", "weights": "none", "plugin": "tests:tests"}


class FixedDataset:
    """Every split is the same batch."""

    unit = "none"

    def __init__(self, batch: AssociationBatch, shape: tuple[int, int] | None = None) -> None:
        self.batch = batch
        self.shape = shape or tuple(batch.distance.shape[1:])
        self.loads: list[tuple[str, int]] = []

    def load(self, split: str, seed: int) -> AssociationBatch:
        self.loads.append((split, seed))
        return self.batch


class ActiveDataset(FixedDataset):
    """Tells which slots hold a source."""

    def __init__(self, batch: AssociationBatch, row_active: Tensor, col_active: Tensor) -> None:
        super().__init__(batch._replace(row_active=row_active, col_active=col_active))
        self.active = row_active, col_active


class Probe(nn.Module):
    """Logits by a fixed map of the distances; knows the training mode and sizes that it was called with."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([-1.0, 0.5]))
        self.calls: list[tuple[bool, bool, int]] = []

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled(), len(distance)))
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


def active_dataset(generator: torch.Generator) -> ActiveDataset:
    batch = random_batch(generator, n=2, m=2)
    active = torch.rand(60, 2, generator=generator) < 0.6, torch.rand(60, 2, generator=generator) < 0.6
    return ActiveDataset(batch, *active)


def test_score_counts_what_the_loop_fed_to_the_model_found(generator: torch.Generator) -> None:
    batch = random_batch(generator)
    row = score(Probe(), load_problems("tiny", FixedDataset(batch), "test", 7), **LABELS)
    found = (0.5 - batch.distance > 0).flatten().numpy()
    assert row.f1 == pytest.approx(f1_score(batch.association.flatten().numpy(), found))
    whole = (found.reshape(60, -1) == batch.association.flatten(1).numpy()).all(1)
    assert row.exact == pytest.approx(whole.mean())
    assert (row.model, row.dataset, row.split, row.seed) == ("probe", "tiny", "test", 7)
    assert (row.weights, row.plugin) == ("none", "tests:tests")
    assert (row.problems, row.parameters) == (60, 2)
    assert row.validity < 1
    assert row.microseconds_per_problem >= 0


@pytest.mark.parametrize("make", [random_batch, masked_batch])
def test_the_exact_solver_stands_level_with_itself(make, generator: torch.Generator) -> None:
    row = score(Exact(), load_problems("tiny", FixedDataset(make(generator)), "test", 0), **LABELS)
    assert row.delta_f1 == 0
    assert row.cost_gap == 0
    assert row.validity == 1
    assert row.f1 == row.f1_one_to_one


def test_delta_f1_is_the_distance_from_the_exact_solver(generator: torch.Generator) -> None:
    problems = load_problems("tiny", FixedDataset(random_batch(generator)), "test", 0)
    baseline, probe = (score(model, problems, **LABELS) for model in (Exact(), Probe()))
    assert probe.f1 != baseline.f1
    assert probe.delta_f1 == pytest.approx(probe.f1 - baseline.f1)


def test_cells_and_layouts_divide_the_problems_among_them(generator: torch.Generator) -> None:
    dataset = active_dataset(generator)
    row = score(Probe(), load_problems("tiny", dataset, "test", 0), **LABELS)
    cells, layouts = [], []
    for rows, columns in zip(*(active.int().tolist() for active in dataset.active), strict=True):
        cells.append(f"{sum(rows)}x{sum(columns)}")
        layouts.append(f"{''.join(map(str, rows))}x{''.join(map(str, columns))}")
    for groups, names in ((row.cells, cells), (row.layouts, layouts)):
        assert {name: group["problems"] for name, group in groups.items()} == {
            name: names.count(name) for name in names
        }
        assert sum(group["problems"] for group in groups.values()) == row.problems
        exact = sum(group["exact"] * group["problems"] for group in groups.values()) / row.problems
        assert exact == pytest.approx(row.exact)


def test_cells_follow_the_masks_where_activity_is_not_hidden(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    row = score(Exact(), load_problems("tiny", FixedDataset(batch), "test", 0), **LABELS)
    sizes = [f"{n}x{m}" for n, m in zip(batch.row_mask.sum(1).tolist(), batch.col_mask.sum(1).tolist(), strict=True)]
    assert {name: group["problems"] for name, group in row.cells.items()} == {name: sizes.count(name) for name in sizes}
    assert row.layouts == {}
    assert row.weighted_f1 is None


def test_garbage_outside_the_masks_changes_no_number(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    rows = []
    for garbage in (torch.nan, torch.inf, -torch.inf, 0.0):
        filled = batch._replace(distance=batch.distance.masked_fill(~batch.cells, garbage))
        row = score(Probe(), load_problems("tiny", FixedDataset(filled), "test", 0), **LABELS)
        rows.append({**vars(row), "microseconds_per_problem": None})
    assert rows[1:] == rows[:-1]


def test_a_split_without_problems_has_a_vacuous_row() -> None:
    batch = AssociationBatch.with_full_masks(torch.zeros(0, 2, 2), torch.zeros(0, 2, 2).bool())
    row = score(Exact(), load_problems("tiny", FixedDataset(batch), "test", 0), **LABELS)
    assert (row.problems, row.f1, row.exact, row.delta_f1, row.cost_gap) == (0, 1.0, 1.0, 0.0, 0.0)
    assert (row.cells, row.layouts, row.weighted_f1) == ({}, {}, None)


@pytest.mark.parametrize("training", [True, False])
def test_predict_restores_the_training_mode(training: bool, generator: torch.Generator) -> None:
    model = Probe().train(training)
    predict(model, random_batch(generator), batch_size=25)
    assert model.training is training
    assert model.calls == [(False, False, 25), (False, False, 25), (False, False, 10)]


@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_batch_size_changes_no_logit(batch_size: int, generator: torch.Generator) -> None:
    batch = random_batch(generator)
    assert torch.equal(predict(Probe(), batch, batch_size=batch_size).logits, predict(Probe(), batch).logits)


def test_predict_on_nothing_gives_nothing_of_the_right_shape() -> None:
    batch = AssociationBatch.with_full_masks(torch.zeros(0, 2, 5), torch.zeros(0, 2, 5).bool())
    assert predict(Probe(), batch).logits.shape == (0, 2, 5)


@pytest.mark.parametrize(("b", "size", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 3, [2]), (0, 3, [])])
def test_cut_loses_no_problem(b: int, size: int, sizes: list[int], generator: torch.Generator) -> None:
    batch = random_batch(generator, b=b)
    parts = list(cut(batch, size))
    assert [len(part.distance) for part in parts] == sizes
    if parts:
        for name, whole in batch.tensors.items():
            assert torch.equal(torch.cat([getattr(part, name) for part in parts]), whole)


@pytest.mark.parametrize("name", ["distance", "association", "row_mask", "col_mask"])
def test_a_split_of_another_shape_than_the_dataset_says_is_refused(name: str, generator: torch.Generator) -> None:
    batch = random_batch(generator, b=4)
    right = getattr(batch, name)
    wrong = right[:, :1]
    dataset = FixedDataset(batch._replace(**{name: wrong}), shape=(2, 3))
    message = (
        f"validation split: {name} is {list(wrong.shape)}; 4 problems of 2 x 3 ask for {list(right.shape)}; "
        "correct the dataset"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_split(dataset, "validation", 0)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("distance", torch.bool),
        ("distance", torch.float64),
        ("distance", torch.int64),
        ("association", torch.int64),
        ("row_mask", torch.uint8),
        ("col_mask", torch.float32),
    ],
)
def test_a_split_of_another_type_is_refused(name: str, dtype: torch.dtype, generator: torch.Generator) -> None:
    batch = random_batch(generator, b=4)
    dataset = FixedDataset(batch._replace(**{name: getattr(batch, name).to(dtype)}))
    message = (
        f"test split: {name} is {str(dtype)[6:]}; expected {'float32' if name == 'distance' else 'bool'}; "
        "correct the dataset"
    )
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_split(dataset, "test", 0)


def test_not_a_number_is_refused_inside_the_masks_and_accepted_outside(generator: torch.Generator) -> None:
    batch = masked_batch(generator)
    assert batch.distance.isnan().any()
    assert load_split(FixedDataset(batch), "train", 0) is batch
    everywhere = batch._replace(row_mask=torch.ones_like(batch.row_mask), col_mask=torch.ones_like(batch.col_mask))
    message = "^train split: distance is NaN inside the masks; mask the slots or correct the values$"
    with pytest.raises(DataError, match=message):
        load_split(FixedDataset(everywhere), "train", 0)


def test_problems_are_drawn_for_the_split_and_seed_and_cells_weighed_by_the_training_split(
    generator: torch.Generator,
) -> None:
    dataset = FixedDataset(random_batch(generator))
    problems = load_problems("tiny", dataset, "test", 5, origin_metric=True)
    assert dataset.loads == [("test", 5), ("train", 5)]
    assert (problems.dataset, problems.split, problems.seed) == ("tiny", "test", 5)
    assert torch.allclose(problems.cell_weights, dataset.batch.association.double().mean(0))


def test_cells_have_no_weight_where_slots_are_masked(generator: torch.Generator) -> None:
    dataset = FixedDataset(masked_batch(generator))
    problems = load_problems("tiny", dataset, "test", 5, origin_metric=True)
    assert problems.cell_weights is None
    assert dataset.loads == [("test", 5)]
    assert torch.equal(problems.row_active, dataset.batch.row_mask)
    assert torch.equal(problems.col_active, dataset.batch.col_mask)


def test_the_training_split_is_left_alone_where_the_origins_metric_has_no_meaning(generator: torch.Generator) -> None:
    dataset = FixedDataset(random_batch(generator))
    assert load_problems("tiny", dataset, "test", 5).cell_weights is None
    assert dataset.loads == [("test", 5)]


def test_activity_of_the_dataset_takes_the_place_of_the_masks(generator: torch.Generator) -> None:
    dataset = active_dataset(generator)
    problems = load_problems("tiny", dataset, "test", 0)
    assert (problems.row_active, problems.col_active) == dataset.active
