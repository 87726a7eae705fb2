"""Checks of gradients: they reach every weight and the distances, are finite, and are those of the logits."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import TRUTHS
from hnetzoo.registry.specs import (
    AUXILIARY_PARAMETERS,
    FITTED,
    FIXED_SIZE,
    FLOAT32_ONLY,
    NON_DIFFERENTIABLE,
    NON_LEARNED,
    SURROGATE_GRADIENT,
    ModelSpec,
)
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import SQUARE, Inputs, draw, draw_forbidden, draw_masked
from hnetzoo.testing.subjects import answer, build_model, build_unfitted, call, require_finite, slope
from hnetzoo.training.determinism import preserved_state

SHAPE = (3, 3)
STEPS = 30  # a layer that starts at zero passes gradients after the first step, one that is dropped at random later
LEARNING_RATE = 1e-3
DIRECTIONS = 3  # a difference may cross a kink of a piecewise function in some direction, hardly in all


def check_parameters(spec: ModelSpec, settings: Settings = None) -> None:
    """A model that is tagged neither "non-learned" nor "fitted" has a parameter that requires a gradient."""
    model = build_model(spec, settings, SHAPE)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise CheckFailure("no parameter requires a gradient; if intended, tag 'non-learned' or 'fitted'")


def check_gradients(spec: ModelSpec, settings: Settings = None) -> None:
    """Every parameter gets finite gradients, not all of them zero over the first steps.

    Parameters of heads that have no part in the logits are exempt under the tag "auxiliary-parameters".
    """
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE, 16)
    answer(model, inputs)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise CheckSkipped("no parameters (see check_parameters)")
    idle = _idle_parameters(model.train(), _told(model, inputs))
    learned = sum(parameter.requires_grad for parameter in model.parameters())
    if idle and (AUXILIARY_PARAMETERS not in spec.tags or len(idle) == learned):
        hint = f"if they belong to auxiliary heads, tag '{AUXILIARY_PARAMETERS}'"
        raise CheckFailure(f"no gradient reaches {', '.join(sorted(idle))}; {hint}")


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
        _require_finite_gradients(model, inputs, "NaN outside the masks; fill masked entries before computing")


def check_all_masked_gradients(spec: ModelSpec, settings: Settings = None) -> None:
    """In train mode, a problem without a row or without a column leaves all logits and gradients finite."""
    for rows, columns in ((True, False), (False, True), (False, False)):
        row_mask, col_mask = torch.ones(3, 3, dtype=torch.bool), torch.ones(3, 3, dtype=torch.bool)
        row_mask[0], col_mask[0] = rows, columns
        inputs = Inputs(draw(SHAPE).distance[:3], row_mask, col_mask)
        model = build_model(spec, settings, SHAPE).train()
        require_finite(answer(model, inputs), inputs)
        _require_finite_gradients(model, inputs, "a problem whose rows or columns are all masked")


def check_forbidden_gradients(spec: ModelSpec, settings: Settings = None) -> None:
    """In train mode, distances of +inf, which forbid pairs, leave all gradients finite."""
    for shape in SQUARE:
        model, inputs = build_model(spec, settings, shape).train(), draw_forbidden(shape)
        for index in range(len(inputs.distance)):
            twice = Inputs(inputs.distance[[index, index]])
            _require_finite_gradients(model, twice, "distances of +inf; fill them before computing")


def check_gradient_values(spec: ModelSpec, settings: Settings = None) -> None:
    """Gradients of distances and of parameters agree with differences of the logits, taken in float64.

    Models tagged "surrogate-gradient" pass estimates, and are exempt.
    """
    model, inputs = build_model(spec, settings, SHAPE), draw(SHAPE)
    answer(model, inputs)
    if FLOAT32_ONLY not in spec.tags:
        model, inputs = model.double(), Inputs(inputs.distance.double())
        _require_float64(model, inputs)
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for training in (False, True):
        if NON_DIFFERENTIABLE not in spec.tags:
            tensors, by = [inputs.distance.requires_grad_()], "check_distance_gradient"
            _compare_with_differences(model.train(training), inputs, "the distances", tensors, by)
        if not spec.tags & {NON_LEARNED, FITTED} and learned:
            _compare_with_differences(model.train(training), inputs, "the parameters", learned, "check_gradients")


def check_seeded_weights(spec: ModelSpec, settings: Settings = None) -> None:
    """The same seed gives the same initial weights."""
    first, again = (build_unfitted(spec, settings, SHAPE).state_dict() for _ in range(2))
    for name, tensor in first.items():
        if name not in again or not torch.equal(tensor, again[name]):
            raise CheckFailure(f"{name} differs between two models built under the same torch.manual_seed")


def _told(model: nn.Module, inputs: Inputs) -> Inputs:
    """Return the inputs of a model, and what true pairs mean if it takes that."""
    if not getattr(model, "takes_truth", False):
        return inputs
    return replace(inputs, features={**inputs.features, "truth": torch.arange(len(inputs.distance)) % len(TRUTHS)})


def _idle_parameters(model: nn.Module, inputs: Inputs) -> set[str]:
    """Return the names of the parameters that no gradient reaches in some steps of training."""
    idle = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    with preserved_state(seed=0):
        for _ in range(STEPS):
            optimizer.zero_grad()
            _backward(call(model, inputs))
            for name, parameter in model.named_parameters():
                if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
                    raise CheckFailure(f"the gradient of {name} is not finite", inputs.problem())
                if parameter.grad is not None and bool(parameter.grad.any()):
                    idle.discard(name)
            if not idle:
                break
            optimizer.step()
    return idle


def _require_finite_gradients(model: nn.Module, inputs: Inputs, cause: str) -> None:
    """Raise CheckFailure unless logits inside the masks and all gradients are finite."""
    answer(model, inputs)
    distance = inputs.distance.clone().requires_grad_()
    logits = call(model, Inputs(distance, inputs.row_mask, inputs.col_mask))
    if not bool(logits[inputs.cells].isfinite().all()):
        raise CheckFailure(f"logits are not finite for {cause}", inputs.problem())
    _backward(logits)
    gradients = {"the distances": distance.grad}
    gradients |= {name: parameter.grad for name, parameter in model.named_parameters()}
    for name, gradient in gradients.items():
        if gradient is not None and not bool(gradient.isfinite().all()):
            raise CheckFailure(f"the gradient of {name} is not finite for {cause}", inputs.problem())


def _require_float64(model: nn.Module, inputs: Inputs) -> None:
    """Raise Blocked unless the model answers in float64."""
    try:
        exact = answer(model, inputs).dtype == torch.float64
    except CheckFailure:
        exact = False
    if not exact:
        raise Blocked("check_float64", "the model does not answer in float64")


def _compare_with_differences(model: nn.Module, inputs: Inputs, what: str, tensors: Sequence[Tensor], by: str) -> None:
    """Raise CheckFailure if the derivatives along all directions differ from central differences.

    Raises Blocked by another check if there are no derivatives.
    """
    exact = inputs.distance.dtype == torch.float64
    step, close = (1e-6, 1e-3) if exact else (1e-2, 0.3)
    value = _value(model, inputs)
    if not value.requires_grad:
        raise Blocked(by, f"no gradient reaches {what}")
    gradients = torch.autograd.grad(value, tensors, allow_unused=True)
    if all(gradient is None for gradient in gradients):
        raise Blocked(by, f"no gradient reaches {what}")
    generator = torch.Generator().manual_seed(0)
    for _ in range(DIRECTIONS):
        direction = [torch.randn(tensor.shape, generator=generator).to(tensor) for tensor in tensors]
        pairs = zip(gradients, direction, strict=True)
        told = float(sum((gradient * along).sum() for gradient, along in pairs if gradient is not None))
        above, below = (_moved(model, inputs, tensors, direction, way) for way in (step, -step))
        found = (above - below) / (2 * step)
        if abs(told - found) <= close * max(abs(told), abs(found), close):
            return
    raise CheckFailure(
        f"in {'train' if model.training else 'eval'} mode, the gradient of {what} tells a slope of {told:.3g} where "
        f"the logits have {found:.3g}; if it is an estimate, tag '{SURROGATE_GRADIENT}'",
        inputs.problem(),
    )


def _moved(
    model: nn.Module, inputs: Inputs, tensors: Sequence[Tensor], direction: Sequence[Tensor], step: float
) -> float:
    """Return the value of a model after a step of tensors in a direction, and take the step back."""
    kept = [tensor.detach().clone() for tensor in tensors]
    with torch.no_grad():
        for tensor, along in zip(tensors, direction, strict=True):
            tensor.add_(along, alpha=step)
    value = float(_value(model, inputs).detach())  # not under no_grad, where some models compute otherwise
    with torch.no_grad():
        for tensor, before in zip(tensors, kept, strict=True):
            tensor.copy_(before)
    return value


def _value(model: nn.Module, inputs: Inputs) -> Tensor:
    """Return the slope of the logits under a fixed seed, so that dropout drops the same."""
    with preserved_state(seed=0):
        return slope(call(model, inputs))


def _backward(logits: Tensor) -> None:
    if logits.requires_grad:
        slope(logits).backward()  # type: ignore[no-untyped-call]


def _distance_gradient(model: nn.Module, inputs: Inputs) -> Tensor | None:
    distance = inputs.distance.clone().requires_grad_()
    _backward(call(model, Inputs(distance, inputs.row_mask, inputs.col_mask)))
    return distance.grad


MODEL = (
    Check(check_parameters, unless=(NON_LEARNED, FITTED)),
    Check(check_gradients, unless=(NON_LEARNED, FITTED)),
    Check(check_distance_gradient, unless=(NON_DIFFERENTIABLE,)),
    Check(check_masked_gradients, unless=(NON_DIFFERENTIABLE,)),
    Check(check_all_masked_gradients, unless=(FIXED_SIZE,)),
    Check(check_forbidden_gradients, unless=(NON_DIFFERENTIABLE,)),
    Check(check_gradient_values, unless=(SURROGATE_GRADIENT,)),
    Check(check_seeded_weights),
)
