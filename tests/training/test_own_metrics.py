"""A trainer's own metrics are recorded beside ours, and have no effect on the training."""

from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.association.prediction import predict
from hnetzoo.registry.components import configure
from hnetzoo.training.observer import EpochRecord
from hnetzoo.training.runs import read_epochs
from tests.training.direct import fit_directly
from tests.training.train import REGISTRY, SMALL, TINY, final_state, metrics, train

LARGE = configure(REGISTRY.dataset("doa-reference"), {**TINY, "samples": [150]})  # 270 problems in validation


def test_the_weighted_f1_is_that_of_the_benchmark(tmp_path: Path) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 2, "weighted_f1": True})
    last = train(tmp_path / "run", trainer=trainer, dataset=LARGE).last
    dataset = LARGE.build()
    training, validation = dataset.load("train", 0), dataset.load("validation", 0)
    logits = predict(hnetzoo.load_model(f"run:{tmp_path / 'run'}"), *validation.problems)
    shares = hnetzoo.label_shares(training)
    expected = hnetzoo.weighted_f1(hnetzoo.decode(logits), validation.association, shares, seed=0)
    best = read_epochs(tmp_path / "run")[last.best_epoch - 1]
    assert best.own_metrics == {"weighted_f1": pytest.approx(expected)}
    assert 0 < best.own_metrics["weighted_f1"] < 1


def test_own_metrics_do_not_change_what_is_learned_and_are_resumed(tmp_path: Path) -> None:
    for name, asked in (("plain", False), ("measured", True)):
        trainer = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 2, "weighted_f1": asked})
        train(tmp_path / name, trainer=trainer, dataset=LARGE)
    assert final_state(tmp_path / "plain") == final_state(tmp_path / "measured")
    for plain, measured in zip(metrics(tmp_path / "plain"), metrics(tmp_path / "measured"), strict=True):
        del measured["validation"]["weighted_f1"]  # type: ignore[attr-defined]
        assert plain == measured


def test_the_weighted_f1_has_no_meaning_where_slots_are_masked(tmp_path: Path) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {"batch_size": 32, "epochs": 1, "weighted_f1": True})
    dataset = configure(REGISTRY.dataset("doa-tracks"), {"samples": 100})
    model = configure(REGISTRY.model("dual-softmax"))
    assert train(tmp_path / "run", model=model, trainer=trainer, dataset=dataset).last.own_metrics == {}


class Measures:
    """A trainer whose metrics are what a function returns."""

    def __init__(self, function):  # type: ignore[no-untyped-def]
        self.function = function

    def losses(self, model, batch):  # type: ignore[no-untyped-def]
        return {"entry": model(batch.distance).square().mean()}

    def configure(self, model, total_steps):  # type: ignore[no-untyped-def]
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), 0.1))

    def metrics(self, model, validation):  # type: ignore[no-untyped-def]
        return self.function(model, validation)


def measured(path: Path, function) -> EpochRecord:  # type: ignore[no-untyped-def]
    settings = hnetzoo.TrainerConfig(epochs=1, batch_size=10)
    return fit_directly(path, Measures(function), settings)[0]


def test_own_metrics_see_the_validation_split_in_eval_mode_without_gradients(tmp_path: Path) -> None:
    def look(model, validation):  # type: ignore[no-untyped-def]
        return {
            "problems": len(validation.distance),
            "training": float(model.training),
            "gradients": float(model(validation.distance).requires_grad),
        }

    assert measured(tmp_path, look).own_metrics == {"problems": 20, "training": 0, "gradients": 0}


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda *_: {"f1": 1.0}, "returned 'f1', which hnetzoo measures itself; choose another name"),
        (lambda *_: {"losses": 1.0}, "returned 'losses', which hnetzoo measures itself"),
        (lambda *_: {"mine": float("inf")}, "returned 'mine' = inf; return finite numbers"),
        (lambda *_: {"mine": torch.ones(())}, "returned 'mine' of type Tensor; return numbers"),
        (lambda *_: {1: 1.0}, "returned a number named 1; names must be texts"),
        (lambda *_: None, "returned a NoneType; return a mapping"),
        (lambda model, _: {"mine": model.weight.zero_().sum().item()}, "changed the model's weights"),
        (lambda model, _: {"mine": float(model.train().training)}, "changed the model's mode"),
        (lambda _, split: {"mine": split.distance.zero_().sum().item()}, "changed the validation split"),
        (lambda *_: {"mine": torch.rand(()).item()}, "changed torch's global random state"),
    ],
)
def test_wrong_metrics_are_an_error_that_names_the_trainer(tmp_path: Path, function: object, said: str) -> None:
    with pytest.raises(hnetzoo.ModelError, match=f"^metrics of trainer 'own' {said}"):
        measured(tmp_path, function)
