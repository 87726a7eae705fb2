"""Averaged weights are those that are validated and kept, and survive interruptions bit for bit."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo.association.prediction import predict
from hnetzoo.benchmark.scoring import f1_score
from hnetzoo.registry.components import configure
from hnetzoo.training.observer import NullObserver
from hnetzoo.training.weights import load_tensors
from tests.training.direct import Affinity, fit_directly
from tests.training.train import REGISTRY, SMALL, TINY, Recorder, final_state, metrics, train, weights

AVERAGED = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 4, "averaging": 0.95})


@pytest.mark.parametrize("die_after", [0, 2])
def test_an_interrupted_training_with_averaged_weights_resumes_to_equal_bits(tmp_path: Path, die_after: int) -> None:
    train(tmp_path / "whole", trainer=AVERAGED)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after), trainer=AVERAGED)
    train(tmp_path / "cut", trainer=AVERAGED, resume=True)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_the_kept_weights_are_the_average_under_the_models_own_names(tmp_path: Path) -> None:
    last = train(tmp_path / "run", trainer=AVERAGED).last
    state, best = final_state(tmp_path / "run"), weights(tmp_path / "run")
    assert last.best_epoch == last.epoch, "the last epoch is the best, so that its checkpoint has the kept weights"
    for name, tensor in best.items():
        assert state[f"/trainer/average/module.{name}"] == tensor
        assert state[f"/model/{name}"] != tensor
    batch, model = hnetzoo.load_dataset("doa-reference", **TINY).load("validation", 0), f"run:{tmp_path / 'run'}"
    assert f1_score(predict(hnetzoo.load_model(model), *batch.problems), batch) == pytest.approx(last.best_f1)


def test_the_average_is_exponential_over_all_steps(tmp_path: Path) -> None:
    model, decay = Affinity(), 0.8
    steps: list[Tensor] = []

    class Watches(NullObserver):
        def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
            steps.append(model.weight.detach().clone())

    trainer = configure(REGISTRY.trainer("hnet"), {"averaging": decay, "epochs": 1, "batch_size": 10})
    assert isinstance(trainer.config, hnetzoo.TrainerConfig)
    fit_directly(tmp_path, trainer.build(), trainer.config, model=model, observer=Watches())
    expected = steps[0]
    for weight in steps[1:]:
        expected = decay * expected + (1 - decay) * weight
    assert len(steps) == 10
    torch.testing.assert_close(load_tensors(tmp_path / "best.safetensors")["weight"], expected, rtol=1e-12, atol=0)


def test_an_extended_training_goes_on_with_its_average(tmp_path: Path) -> None:
    longer = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 5, "averaging": 0.999})
    shorter = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 4, "averaging": 0.999})
    train(tmp_path / "run", trainer=shorter)
    before = load_tensors(sorted((tmp_path / "run" / "checkpoints").iterdir())[-1] / "tensors.safetensors")
    train(tmp_path / "run", trainer=longer, resume=True)
    after = load_tensors(sorted((tmp_path / "run" / "checkpoints").iterdir())[-1] / "tensors.safetensors")
    counts = [int(state["/trainer/average/n_averaged"]) for state in (before, after)]
    assert counts == [4 * 17, 5 * 17]


def test_without_averaging_nothing_is_averaged(tmp_path: Path) -> None:
    train(tmp_path / "run")
    assert not [name for name in final_state(tmp_path / "run") if "trainer" in name]


class Wrong:
    """A trainer that returns something else than averaged weights."""

    def __init__(self, found: object) -> None:
        self.found = found

    def losses(self, model, batch):  # type: ignore[no-untyped-def]
        return {"entry": model(batch.distance).square().mean()}

    def configure(self, model, total_steps):  # type: ignore[no-untyped-def]
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), 0.1))

    def averaged(self, model):  # type: ignore[no-untyped-def]
        return self.found


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, "averaged of trainer 'own' returned a dict; return a module"),
        (nn.Linear(2, 2), "averaged of trainer 'own' returned other weights than the model's .*missing: weight|shape"),
    ],
)
def test_what_is_no_average_is_an_error_that_names_the_trainer(tmp_path: Path, found: object, said: str) -> None:
    with pytest.raises(hnetzoo.ModelError, match=said):
        fit_directly(tmp_path, Wrong(found), hnetzoo.TrainerConfig(epochs=1, batch_size=10))
