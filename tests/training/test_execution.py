"""Mixed precision, torch.compile, and steps that wait for no device."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import hnetzoo
from hnetzoo.association.masking import skip_value_checks
from hnetzoo.association.model import WrappedModel, unwrapped
from hnetzoo.registry.components import configure
from hnetzoo.training.descent import Descent
from hnetzoo.training.execution import Computation
from hnetzoo.training.extensions import ExtendedTrainer
from hnetzoo.training.observer import NullObserver
from hnetzoo.training.weights import load_tensors
from tests.training.train import REGISTRY, Recorder, final_state, metrics, train, weights

NETWORKS = ("hnetgru", "dhn", "dual-softmax", "exchangeable", "transformer")
PRECISIONS = ("float32", "bfloat16", "float16")
# Operations whose result depends on values, so that Python waits for the device.
READING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "_unique2"}


def training_problems(count: int, device: str = "cpu") -> hnetzoo.AssociationBatch:
    problems = hnetzoo.load_dataset("doa", samples=320).load("train", seed=0).without_features()
    return problems.select(slice(0, count)).to(device)


def trained_by(name: str) -> Any:
    return configure(REGISTRY.trainer(REGISTRY.model(name).trainer), {"batch_size": 16})


def descent(name: str, training: hnetzoo.AssociationBatch, precision: str = "float32", device: str = "cpu") -> Descent:
    trainer = trained_by(name)
    extended = ExtendedTrainer(trainer.build(), trainer.spec.name, device)
    model = hnetzoo.load_model(name, weights=None).to(device)
    return Descent(model, extended, trainer.config, 0, device, training, Computation(precision))


class Readings(TorchDispatchMode):
    """Count the operations whose result depends on values that Python would wait for."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        name = function._schema.name.removeprefix("aten::")
        by_mask = name == "index" and any(index is not None and index.dtype == torch.bool for index in args[1])
        self.found[name] += name in READING or by_mask
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", NETWORKS)
def test_no_network_and_no_loss_reads_values_of_a_device(name: str) -> None:
    """On the meta device there are none: reading one is an error."""
    model, trainer = hnetzoo.load_model(name, weights=None).to("meta").train(), trained_by(name).build()
    with skip_value_checks():
        losses = trainer.losses(model, training_problems(16, "meta"))
        torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_epoch_reads_its_losses_once_however_many_steps_it_has(precision: str) -> None:
    counts = []
    for steps in (2, 5):
        learner = descent("hnetgru", training_problems(16 * steps), precision)
        with Readings() as readings:
            losses = learner.learn(1, NullObserver())
        counts.append(readings.found.total())
    assert counts == [len(losses)] * 2


def test_a_reading_is_counted() -> None:
    with Readings() as readings:
        torch.ones(3)[torch.ones(3) > 0].sum().item()
    assert readings.found.total() == 2


@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_a_training_in_16_bits_keeps_float32_weights_and_resumes_to_equal_ones(tmp_path: Path, precision: str) -> None:
    whole = train(tmp_path / "whole", precision=precision)
    exact = train(tmp_path / "exact")
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=1), precision=precision)
    train(tmp_path / "cut", resume=True, precision=precision)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert weights(tmp_path / "whole") != weights(tmp_path / "exact")
    assert {tensor.dtype for tensor in load_tensors(tmp_path / "whole" / "best.safetensors").values()} == {
        torch.float32
    }
    assert sum(whole.last.losses.values()) == pytest.approx(sum(exact.last.losses.values()), rel=0.1)


def test_a_training_is_resumed_in_its_precision_alone(tmp_path: Path) -> None:
    train(tmp_path / "run", epochs=1)
    with pytest.raises(hnetzoo.ConfigError, match=r"another training .*differs in precision"):
        train(tmp_path / "run", epochs=1, resume=True, precision="bfloat16")


def test_a_compiled_training_takes_the_same_steps_and_keeps_plain_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[nn.Module] = []

    def compile_eagerly(model: nn.Module) -> Any:
        compiled.append(model)
        return original(model, backend="eager")

    original = torch.compile
    monkeypatch.setattr(torch, "compile", compile_eagerly)
    train(tmp_path / "plain", epochs=1)
    train(tmp_path / "compiled", epochs=1, compiled=True)
    assert len(compiled) == 1
    plain, same = (load_tensors(tmp_path / name / "best.safetensors") for name in ("plain", "compiled"))
    assert plain.keys() == same.keys()
    torch.testing.assert_close(dict(same), dict(plain))
    torch.compiler.reset()


def test_a_wrapped_model_has_the_attributes_of_the_model() -> None:
    inner = hnetzoo.load_model("hnetgru", weights=None)
    outer = WrappedModel(WrappedModel(inner))
    assert unwrapped(outer) is inner
    assert outer.attn is inner.attn
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        outer.nothing  # noqa: B018


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", NETWORKS)
def test_steps_on_a_cuda_device_wait_for_nothing(name: str, precision: str) -> None:
    learner = descent(name, training_problems(64), precision, "cuda")
    learner.learn(1, NullObserver())
    batch = training_problems(16, "cuda")
    torch.cuda.set_sync_debug_mode("error")
    try:
        with skip_value_checks():
            learner._step([batch])
    finally:
        torch.cuda.set_sync_debug_mode("default")
