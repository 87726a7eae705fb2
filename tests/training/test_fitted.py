"""Models that learn by a method `fit` are trained, stored, resumed and refused like others."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.association.prediction import predict
from hnetzoo.benchmark.scoring import f1_score
from hnetzoo.registry.components import Component, configure
from hnetzoo.training.runs import read_run
from tests.training.train import REGISTRY, Recorder, final_state, metrics, train, weights

ACME = """
import torch
import hnetzoo

class Level(hnetzoo.AssociationModel):
    def __init__(self, config, shape):
        super().__init__()
        self.register_buffer("level", torch.zeros(1))

    def fit(self, training):
        self.level.copy_(training.distance.mean() + 0.01 * torch.rand(()))

    def logits(self, distance, allowed):
        return self.level - distance

class Writes(Level):
    def fit(self, training):
        training.distance.mul_(0.5)

class Grows(Level):
    def fit(self, training):
        self.level = training.distance.flatten()

class Interrupted(Level):
    calls = 0

    def fit(self, training):
        Interrupted.calls += 1
        if Interrupted.calls == 1:
            raise KeyboardInterrupt
        super().fit(training)

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name=name.lower(), summary="", target=f"acme_fitted:{name}", config="hnetzoo:Config",
                              tags={"fitted"}) for name in ("Level", "Writes", "Grows", "Interrupted")]
"""
DATASET = configure(REGISTRY.dataset("doa-tracks"), {"samples": 200})


@pytest.fixture
def acme(fake_distribution: Callable[..., Path]) -> hnetzoo.Registry:
    fake_distribution("acme-fitted", ACME)
    return hnetzoo.discover()


def trainer(**settings: object) -> Component[hnetzoo.TrainerSpec]:
    return configure(REGISTRY.trainer("hnet"), settings)


def test_a_fitted_model_has_one_epoch_whatever_the_trainer_says_and_is_loaded_like_others(
    tmp_path: Path, acme: hnetzoo.Registry
) -> None:
    recorder, model = Recorder(), configure(acme.model("level"))
    given = {"model": model, "dataset": DATASET, "registry": acme}
    trained = train(tmp_path / "run", recorder, trainer=trainer(epochs=7, batch_size=1000), **given)  # type: ignore[arg-type]
    (line,) = metrics(tmp_path / "run")
    assert (line["epoch"], line["losses"], recorder.steps) == (1, {}, 0)
    assert set(line["validation"]["losses"]) == {"cell", "row", "column"}  # type: ignore[index]
    assert read_run(tmp_path / "run").epochs == 1
    test = DATASET.build().load("test", 0)
    loaded = hnetzoo.load_model(f"run:{tmp_path / 'run'}")
    assert f1_score(predict(loaded, *test.problems), test) == pytest.approx(trained.test.f1)


def test_the_seed_of_the_run_seeds_a_fit_and_nothing_else_changes(tmp_path: Path, acme: hnetzoo.Registry) -> None:
    given = {"model": configure(acme.model("level")), "dataset": DATASET, "registry": acme}
    before = torch.get_rng_state()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, seed=seed, trainer=trainer(), **given)  # type: ignore[arg-type]
        torch.rand(3)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") == final_weights(tmp_path / "a")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")
    torch.set_rng_state(before)


def final_weights(run: Path) -> dict[str, bytes]:
    return {name.removeprefix("/model/"): tensor for name, tensor in final_state(run).items()}


def test_resuming_a_fitted_model_trains_nothing_and_a_killed_fit_is_done_again(
    tmp_path: Path, acme: hnetzoo.Registry
) -> None:
    given = {"dataset": DATASET, "registry": acme, "trainer": trainer()}
    interrupted = configure(acme.model("interrupted"))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", model=interrupted, **given)  # type: ignore[arg-type]
    train(tmp_path / "run", model=interrupted, resume=True, **given)  # type: ignore[arg-type]
    train(tmp_path / "level", model=configure(acme.model("level")), **given)  # type: ignore[arg-type]
    assert weights(tmp_path / "run") == weights(tmp_path / "level")
    recorder = Recorder()
    train(tmp_path / "run", recorder, model=interrupted, resume=True, **given)  # type: ignore[arg-type]
    assert recorder.records == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("writes", "model 'writes' or trainer 'hnet' wrote into the train split while training"),
        ("grows", r"fit of model 'grows' changed its weights .*level is \[3200\] instead of \[1\]\); fill buffers"),
    ],
)
def test_what_fit_must_not_do_is_an_error_that_names_the_model(
    tmp_path: Path, acme: hnetzoo.Registry, name: str, said: str
) -> None:
    with pytest.raises(hnetzoo.ModelError, match=said):
        train(tmp_path / "run", model=configure(acme.model(name)), dataset=DATASET, registry=acme, trainer=trainer())
