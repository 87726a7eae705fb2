"""Logits of models for whole batches."""

import pytest
import torch
from torch import Tensor, nn

from hnetzoo import AssociationBatch, ModelError, assign
from hnetzoo.association.prediction import cut, predict


class Probe(nn.Module):
    """Logits that fall with the distance; records the mode and the batch sizes of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[bool, bool, int]] = []

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        self.calls.append((self.training, torch.is_grad_enabled(), len(distance)))
        return 0.5 - distance


class Answers(nn.Module):
    """Returns the same logits for any input."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = logits

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return self.logits


@pytest.fixture
def batch(generator: torch.Generator) -> AssociationBatch:
    distance = torch.rand(60, 2, 3, generator=generator)
    return AssociationBatch.with_full_masks(distance, assign(distance))


def answer(model: nn.Module, batch: AssociationBatch, **settings: int) -> Tensor:
    return predict(model, batch.distance, batch.row_mask, batch.col_mask, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("training", [True, False])
def test_the_training_mode_is_restored_and_no_gradient_kept(training: bool, batch: AssociationBatch) -> None:
    model = Probe().train(training)
    answer(model, batch, batch_size=25)
    assert model.training is training
    assert model.calls == [(False, False, 25), (False, False, 25), (False, False, 10)]


@pytest.mark.parametrize("batch_size", [1, 7, 60, 1000])
def test_batch_size_changes_no_logit(batch_size: int, batch: AssociationBatch) -> None:
    assert torch.equal(answer(Probe(), batch, batch_size=batch_size), 0.5 - batch.distance)


class Features(nn.Module):
    """Logits are the sums of both slots' features."""

    def forward(self, distance: Tensor, *masks: Tensor, row_features: Tensor, col_features: Tensor) -> Tensor:
        return row_features.sum(-1).unsqueeze(2) + col_features.sum(-1).unsqueeze(1)


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_each_problem_is_answered_with_its_own_features(batch_size: int, batch: AssociationBatch) -> None:
    rows, columns = torch.rand(60, 2, 4), torch.rand(60, 3, 4)
    given = batch._replace(row_features=rows, col_features=columns)
    found = predict(Features(), *given.problems, features=given.features, batch_size=batch_size)
    torch.testing.assert_close(found, rows.sum(-1)[:, :, None] + columns.sum(-1)[:, None, :])
    assert batch.features == given.without_features().features == {}


def test_an_empty_batch_gets_empty_logits_of_the_right_shape(batch: AssociationBatch) -> None:
    assert answer(Probe(), batch.select(slice(0, 0))).shape == (0, 2, 3)


@pytest.mark.parametrize(("b", "size", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 3, [2]), (0, 3, [])])
def test_cut_loses_no_problem(b: int, size: int, sizes: list[int], batch: AssociationBatch) -> None:
    whole = batch.select(slice(0, b))
    parts = list(cut(whole, size))
    assert [len(part.distance) for part in parts] == sizes
    if parts:
        for name, field in AssociationBatch.concatenate(parts).tensors.items():
            assert torch.equal(field, whole.tensors[name])


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_a_logit_that_is_not_finite_is_an_error_with_model_and_index(value: float) -> None:
    distance = torch.tensor([[[0.25, 1.0]], [[2.0, 3.0]]])
    rows, columns = torch.ones(2, 1, dtype=torch.bool), torch.tensor([[True, True], [True, False]])
    logits = torch.zeros(2, 1, 2)
    logits[1, 0, 1] = value
    assert torch.isfinite(predict(Answers(logits), distance, rows, columns)[columns[:, None]]).all(), "it is masked"
    logits[1, 0, 0] = value
    with pytest.raises(ModelError, match=rf"^model 'acme' returned {value} in row 0, column 0 .* the distance is 2;"):
        predict(Answers(logits), distance, rows, columns, name="acme")


@pytest.mark.parametrize("shape", [(60, 3, 2), (60, 2), (59, 2, 3), ()])
def test_logits_of_another_shape_are_an_error_that_names_the_model(
    shape: tuple[int, ...], batch: AssociationBatch
) -> None:
    with pytest.raises(ModelError, match=r"^model 'Answers' returned logits \[.*\] for distances \[60, 2, 3\]"):
        answer(Answers(torch.zeros(shape)), batch)
