"""Checks of what training and deployment need of a model: gradients, weights, dtypes and devices."""

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from hnetzoo.errors import one_line
from hnetzoo.registry.specs import ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import SQUARE, Inputs, draw, draw_masked
from hnetzoo.testing.subjects import answer, build_model, call, described, first_difference
from hnetzoo.training.weights import fill, load_tensors, save_tensors

SHAPE = (3, 3)
STEPS = 3  # a layer that starts at zero lets the gradient through after the first step
LEARNING_RATE = 1e-2


def check_parameters(spec: ModelSpec, settings: Settings = None) -> None:
    """A model that is not tagged "non-learned" has a parameter that requires a gradient."""
    model = build_model(spec, settings, SHAPE)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise CheckFailure("no parameter requires a gradient; if intended, tag 'non-learned'")


def check_gradients(spec: ModelSpec, settings: Settings = None) -> None:
    """Every parameter gets finite gradients, not all of them zero over the first steps."""
    model, inputs = build_model(spec, settings, SHAPE).train(), draw(SHAPE, 16)
    answer(model, inputs)
    idle = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not idle:
        raise CheckSkipped("no parameters (see check_parameters)")
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        _backward(call(model, inputs))
        gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
        for name, gradient in gradients.items():
            if not bool(gradient.isfinite().all()):
                raise CheckFailure(f"the gradient of {name} is not finite", inputs.problem())
        idle -= {name for name, gradient in gradients.items() if bool(gradient.any())}
        optimizer.step()
    if idle:
        raise CheckFailure(f"no gradient reaches {', '.join(sorted(idle))}")


def check_distance_gradient(spec: ModelSpec, settings: Settings = None) -> None:
    """The distances get a finite gradient that is not zero everywhere."""
    for shape in SQUARE:
        model, inputs = build_model(spec, settings, shape), draw(shape, 16)
        answer(model, inputs)
        gradient = _distance_gradient(model, inputs)
        if gradient is None or not bool(gradient.any()):
            reason = "no gradient reaches the distances; if intended, tag 'non-differentiable'"
            raise CheckFailure(reason, inputs.problem())
        if not bool(gradient.isfinite().all()):
            raise CheckFailure("the gradient of the distances is not finite", inputs.problem())


def check_masked_gradients(spec: ModelSpec, settings: Settings = None) -> None:
    """NaN outside the masks makes no gradient NaN, neither of the weights nor of the distances."""
    for shape in SQUARE:
        model, inputs = build_model(spec, settings, shape), draw_masked(shape).fill(torch.nan)
        answer(model, inputs)
        gradients = {"the distances": _distance_gradient(model, inputs)}
        gradients |= {name: parameter.grad for name, parameter in model.named_parameters()}
        for name, gradient in gradients.items():
            if gradient is not None and not bool(gradient.isfinite().all()):
                reason = f"NaN outside the masks makes the gradient of {name} NaN; fill masked entries before computing"
                raise CheckFailure(reason, inputs.problem())


def check_seeded_weights(spec: ModelSpec, settings: Settings = None) -> None:
    """The same seed gives the same initial weights."""
    first, again = (build_model(spec, settings, SHAPE).state_dict() for _ in range(2))
    for name, tensor in first.items():
        if name not in again or not torch.equal(tensor, again[name]):
            raise CheckFailure(f"{name} differs between two models built under the same torch.manual_seed")


def check_state_dict(spec: ModelSpec, settings: Settings = None) -> None:
    """Weights written as safetensors and read into a new model give the same logits."""
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE)
    expected = answer(model, inputs)
    again = build_model(spec, settings, SHAPE, seed=1)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        try:
            save_tensors(path, model.state_dict())
            fill(again, load_tensors(path), str(path))
        except Exception as error:
            raise CheckFailure(f"weights cannot be stored and read back ({one_line(error)})") from error
    if first_difference(answer(again, inputs), expected) is not None:
        raise CheckFailure("weights read back give other logits; register all state as parameters and buffers")


def check_float64(spec: ModelSpec, settings: Settings = None) -> None:
    """A model in float64 accepts float64 distances and gives float64 logits."""
    for shape in SQUARE:
        model, inputs = build_model(spec, settings, shape), draw(shape)
        answer(model, inputs)
        double = Inputs(inputs.distance.double())
        try:
            with torch.no_grad():
                logits = call(model.double(), double)
        except Exception as error:
            raise CheckFailure(f"float64 distances: forward raised {one_line(error)}", double.problem()) from error
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


def _backward(logits: Tensor) -> None:
    """Propagate a gradient that differs between entries, so that no symmetry cancels it."""
    weight = torch.linspace(-1.0, 2.0, logits.numel()).reshape(logits.shape)
    if logits.requires_grad:
        (torch.sigmoid(logits) * weight + 1e-2 * logits * weight).sum().backward()  # type: ignore[no-untyped-call]


def _distance_gradient(model: nn.Module, inputs: Inputs) -> Tensor | None:
    distance = inputs.distance.clone().requires_grad_()
    _backward(call(model, Inputs(distance, inputs.row_mask, inputs.col_mask)))
    return distance.grad


MODEL = (
    Check(check_parameters, unless=("non-learned",)),
    Check(check_gradients, unless=("non-learned",)),
    Check(check_distance_gradient, unless=("non-differentiable",)),
    Check(check_masked_gradients, unless=("non-differentiable",)),
    Check(check_seeded_weights),
    Check(check_state_dict),
    Check(check_float64),
    Check(check_device),
)
