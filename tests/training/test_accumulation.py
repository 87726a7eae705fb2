"""Accumulated batches are as one large batch."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo.training.fit import check_trainable
from hnetzoo.training.observer import EpochRecord
from hnetzoo.training.runs import RunRecord
from tests.training.direct import Affinity, fit_directly, problems
from tests.training.train import Recorder


class Entries:
    """Cross-entropy of all entries, as a mean or a sum over problems, and a one-cycle rate."""

    def __init__(self, reduction: str) -> None:
        self.reduction = reduction

    def losses(self, model, batch):  # type: ignore[no-untyped-def]
        truth = batch.association.double()
        loss = binary_cross_entropy_with_logits(model(batch.distance), truth, reduction="none").mean((1, 2))
        return {"entry": loss.sum() if self.reduction == "sum" else loss.mean()}

    def configure(self, model, total_steps):  # type: ignore[no-untyped-def]
        return hnetzoo.one_cycle(model, total_steps, learning_rate=0.05, largest_gradient=0.05)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_accumulated_batches_train_like_one_large_batch(tmp_path: Path, reduction: str) -> None:
    found: dict[int, tuple[EpochRecord, torch.Tensor]] = {}
    for accumulate in (1, 4):
        settings = hnetzoo.TrainerConfig(epochs=3, batch_size=32 // accumulate, accumulate=accumulate)
        last, model = fit_directly(tmp_path / str(accumulate), Entries(reduction), settings)
        found[accumulate] = last, next(model.parameters()).detach()
    (large, expected), (small, weights) = found[1], found[4]
    assert not torch.allclose(weights, next(Affinity().parameters()), atol=0.01)
    torch.testing.assert_close(weights, expected, rtol=1e-12, atol=1e-12)
    assert small.losses["entry"] == pytest.approx(large.losses["entry"], rel=1e-12)
    assert small.learning_rate == large.learning_rate, "the schedule counts optimiser steps"


def test_an_incomplete_group_of_batches_is_dropped(tmp_path: Path) -> None:
    recorder = Recorder()
    settings = hnetzoo.TrainerConfig(epochs=2, batch_size=8, accumulate=5)
    fit_directly(tmp_path, Entries("mean"), settings, observer=recorder)
    assert recorder.steps == 2 * (100 // 8 // 5)


def test_batches_of_similar_size_are_accumulated_too(tmp_path: Path) -> None:
    recorder = Recorder()
    settings = hnetzoo.TrainerConfig(epochs=1, batch_size=8, pairs_per_batch=36, accumulate=3)
    fit_directly(tmp_path, Entries("mean"), settings, observer=recorder)
    assert recorder.steps == 100 // 4 // 3


@pytest.mark.parametrize("pairs", [None, 9])
def test_more_batches_than_an_epoch_has_are_refused(pairs: int | None) -> None:
    settings = hnetzoo.TrainerConfig(batch_size=8, accumulate=200, pairs_per_batch=pairs)
    record = RunRecord(model="affinity", dataset="mine", shape=(3, 3), settings={})
    with pytest.raises(
        hnetzoo.ConfigError, match=r"trainer\.accumulate = 200 exceeds the batches of an epoch of 'mine'"
    ):
        check_trainable(Affinity(), settings, problems(100, 0), record)
