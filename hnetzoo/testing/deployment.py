"""Checks of what running a model elsewhere needs: stored weights, copies, dtypes, devices, threads, memory layouts."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from hnetzoo.association.model import unwrapped
from hnetzoo.errors import one_line
from hnetzoo.registry.specs import FLOAT32_ONLY, ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import Inputs, draw
from hnetzoo.testing.subjects import (
    answer,
    attempt,
    build_model,
    build_unfitted,
    call,
    described,
    first_difference,
    models,
    slope,
)
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.weights import fill, load_tensors, save_tensors

SHAPE = (3, 3)
STEPS = 3
LEARNING_RATE = 1e-2
MANY = 16  # problems, enough to be shared out between threads


def check_state_dict(spec: ModelSpec, settings: Settings = None) -> None:
    """Weights written as safetensors after some training and read into a new model give the same logits."""
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE)
    answer(model, inputs)
    _train(model, inputs)
    expected = answer(model.eval(), inputs)
    again = build_unfitted(spec, settings, SHAPE, seed=1).eval()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        try:
            save_tensors(path, model.state_dict())
            fill(again, load_tensors(path), str(path))
        except Exception as error:
            raise CheckFailure(f"weights cannot be stored and read back ({one_line(error)})") from error
    if first_difference(answer(again, inputs), expected) is not None:
        raise CheckFailure("weights read back give other logits; register all state as parameters and buffers")


def check_copies(spec: ModelSpec, settings: Settings = None) -> None:
    """A deep copy and a pickled copy give the same logits, and share no weights with the model."""
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE)
    expected = answer(model, inputs)
    model = unwrapped(model)
    ways: dict[str, Callable[[nn.Module], nn.Module]] = {"copy.deepcopy": copy.deepcopy}
    if not isinstance(model, torch.jit.ScriptModule) and not any(map(is_parametrized, model.modules())):
        ways["pickle"] = _pickled  # torch cannot pickle the others
    for name, way in ways.items():
        try:
            copied = way(model)
        except Exception as error:
            raise CheckFailure(f"{name} raised {one_line(error)}") from error
        if first_difference(attempt(copied, inputs), expected) is not None:
            raise CheckFailure(f"a copy by {name} gives other logits", inputs.problem())
        shared = {id(parameter) for parameter in model.parameters()} & {id(entry) for entry in copied.parameters()}
        if copied is model or shared:
            raise CheckFailure(f"a copy by {name} shares weights with the model")


def check_inference_mode(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits under torch.inference_mode are the same, and later calls outside it still pass gradients."""
    for model, inputs in models(spec, settings):
        try:
            with torch.inference_mode():
                found = call(model, inputs)
        except Exception as error:
            raise CheckFailure(f"under torch.inference_mode, forward raised {one_line(error)}") from error
        if first_difference(found.clone(), answer(model, inputs)) is not None:
            raise CheckFailure("logits under torch.inference_mode are others", inputs.problem())
        try:
            logits = call(model, Inputs(inputs.distance.clone().requires_grad_()))
            if logits.requires_grad:
                slope(logits).backward()  # type: ignore[no-untyped-call]
        except Exception as error:
            reason = f"after a call under torch.inference_mode, gradients raised {one_line(error)}"
            raise CheckFailure(reason, inputs.problem()) from error


def check_strided(spec: ModelSpec, settings: Settings = None) -> None:
    """Tensors that are not contiguous in memory give the same logits."""
    for masked in (False, True):
        for model, inputs in models(spec, settings, masked=masked):
            expected = answer(model, inputs)
            tensors = (inputs.distance, inputs.row_mask, inputs.col_mask)
            spaced = Inputs(*(None if tensor is None else _spaced(tensor) for tensor in tensors))  # type: ignore[arg-type]
            try:
                with torch.no_grad():
                    found = call(model, spaced)
            except Exception as error:
                reason = f"forward raised {one_line(error)} for tensors that are not contiguous"
                raise CheckFailure(reason, inputs.problem()) from error
            wrong = first_difference(found, expected)
            if wrong is not None:
                raise CheckFailure("tensors that are not contiguous give other logits", inputs.problem(wrong))


def check_threads(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits do not depend on torch's number of threads, but for rounding."""
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE, MANY)
    found = []
    for threads in (1, 2):
        with preserved_state(threads=threads):
            found.append(answer(model, inputs))
    wrong = first_difference(*found)
    if wrong is not None:
        raise CheckFailure("two threads give other logits than one", inputs.problem(wrong))


def check_float64(spec: ModelSpec, settings: Settings = None) -> None:
    """A model in float64 accepts float64 distances and gives float64 logits."""
    for model, inputs in models(spec, settings):
        answer(model, inputs)
        double = Inputs(inputs.distance.double())
        try:
            with torch.no_grad():
                logits = call(model.double(), double)
        except Exception as error:
            reason = f"float64 distances: forward raised {one_line(error)}; if intended, tag '{FLOAT32_ONLY}'"
            raise CheckFailure(reason, double.problem()) from error
        if logits.dtype != torch.float64:
            raise CheckFailure(f"logits of float64 distances are {described(logits)}", double.problem())


def check_device(spec: ModelSpec, settings: Settings = None) -> None:
    """A model runs on the device that it is moved to, and its logits are on that device.

    Without an accelerator, torch's device "meta" is used in its place. It holds no values, so the check is skipped for
    models that read values.
    """
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE)
    answer(model, inputs)
    device = torch.device("meta") if accelerator is None else accelerator
    moved = Inputs(inputs.distance.to(device))
    try:
        with torch.no_grad():
            logits = call(model.to(device), moved)
    except Exception as error:
        if accelerator is None and "is not on the expected device" not in str(error):
            raise CheckSkipped("no accelerator here, and the model reads values") from error
        raise CheckFailure(f"on device {device.type}: forward raised {one_line(error)}", inputs.problem()) from error
    if logits.device.type != device.type:
        raise CheckFailure(f"distances on device {device.type} give logits on {logits.device.type}", inputs.problem())


def _pickled(model: nn.Module) -> nn.Module:
    copied: nn.Module = pickle.loads(pickle.dumps(model))
    return copied


def _train(model: nn.Module, inputs: Inputs) -> None:
    """Take some optimiser steps in train mode, so that all state has left its initial value."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(weights, LEARNING_RATE) if weights else None
    with preserved_state(seed=0):
        for _ in range(STEPS):
            logits = call(model.train(), inputs)
            if optimizer is not None and logits.requires_grad:
                optimizer.zero_grad()
                slope(logits).backward()  # type: ignore[no-untyped-call]
                optimizer.step()


def _spaced(tensor: Tensor) -> Tensor:
    """Return equal values, the first axis last in memory, and unused memory between them."""
    turned = tensor.transpose(0, -1)
    return torch.stack((turned, turned), -1)[..., 0].transpose(0, -1)


MODEL = (
    Check(check_state_dict),
    Check(check_copies),
    Check(check_inference_mode),
    Check(check_strided),
    Check(check_threads),
    Check(check_float64, unless=(FLOAT32_ONLY,)),
    Check(check_device),
)
