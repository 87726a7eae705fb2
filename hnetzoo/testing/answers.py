"""Checks of a model's logits: shape and dtype, and what must not change them."""

import torch

from hnetzoo.registry.specs import ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, Settings
from hnetzoo.testing.problems import EMPTY, RECTANGULAR, SQUARE, Inputs, draw, flat_problems
from hnetzoo.testing.subjects import (
    answer,
    attempt,
    build_model,
    described,
    first_difference,
    models,
    require_finite,
    require_shape,
    same_bits,
)

LARGE_BATCHES = (64, 300)  # problems; some code takes another path in large batches


def check_output_shape(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits are a tensor of the same shape as the distances."""
    for shape in SQUARE:
        attempt(build_model(spec, settings, shape), draw(shape))


def check_output_dtype(spec: ModelSpec, settings: Settings = None) -> None:
    """Float32 distances give float32 logits, in batches of any size."""
    cases = [(shape, 4) for shape in SQUARE] + [(SQUARE[0], problems) for problems in (1, *LARGE_BATCHES)]
    for shape, problems in cases:
        inputs = draw(shape, problems)
        logits = answer(build_model(spec, settings, shape), inputs)
        if logits.dtype != torch.float32:
            raise CheckFailure(f"logits of float32 distances are {described(logits)}", inputs.problem())


def check_output_finite(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits are finite, also for distances that are equal, zero, very small or very large."""
    cases = [*(draw(shape) for shape in SQUARE), *flat_problems()]
    for inputs in cases:
        model = build_model(spec, settings, _shape(inputs))
        require_finite(answer(model, inputs), inputs)


def check_batch_of_one(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits of a batch of one problem keep the batch axis."""
    _check_sizes(spec, settings, SQUARE, problems=1)


def check_batch_independence(spec: ModelSpec, settings: Settings = None) -> None:
    """The logits of a problem do not depend on the other problems in its batch, nor on their number."""
    for model, inputs in models(spec, settings):
        first, *others = inputs.distance
        for other in others:
            pair, same = Inputs(torch.stack((first, other))), Inputs(torch.stack((first, first)))
            if first_difference(answer(model, pair)[:1], answer(model, same)[:1]) is not None:
                raise CheckFailure("the first logits change with the second problem of the batch", pair.problem())
    model, many = build_model(spec, settings, SQUARE[0]), draw(SQUARE[0], max(LARGE_BATCHES)).distance
    for size in LARGE_BATCHES:
        found = answer(model, Inputs(many[:size]))
        for start in range(0, size, size // 8):  # eighths, compared with smaller batches of the same problems
            few = Inputs(many[start : start + 4])
            wrong = first_difference(found[start : start + 4], answer(model, few))
            if wrong is not None:
                raise CheckFailure(f"logits in a batch of {size} differ from those in a batch of 4", few.problem(wrong))


def check_deterministic(spec: ModelSpec, settings: Settings = None) -> None:
    """In eval mode, the same problems give bitwise equal logits, whatever the state of torch's generator."""
    for model, inputs in models(spec, settings):
        found = []
        for seed in (0, 1):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                found.append(answer(model, inputs))
        if not same_bits(*found):
            raise CheckFailure("two calls in eval mode give different logits", inputs.problem())


def check_row_equivariance(spec: ModelSpec, settings: Settings = None) -> None:
    """Permuting the rows permutes the logits in the same way."""
    _check_equivariance(spec, settings, dim=1)


def check_column_equivariance(spec: ModelSpec, settings: Settings = None) -> None:
    """Permuting the columns permutes the logits in the same way."""
    _check_equivariance(spec, settings, dim=2)


def check_rectangular(spec: ModelSpec, settings: Settings = None) -> None:
    """Problems with more rows than columns, or fewer, give logits of their shape."""
    _check_sizes(spec, settings, RECTANGULAR)


def check_one_by_one(spec: ModelSpec, settings: Settings = None) -> None:
    """A problem of one row and one column gives logits of its shape."""
    _check_sizes(spec, settings, ((1, 1),))


def check_empty(spec: ModelSpec, settings: Settings = None) -> None:
    """Problems without rows or columns, and batches without problems, give empty logits."""
    _check_sizes(spec, settings, EMPTY)
    _check_sizes(spec, settings, ((2, 2),), problems=0)


def _shape(inputs: Inputs) -> tuple[int, int]:
    return inputs.distance.shape[1], inputs.distance.shape[2]


def _check_sizes(spec: ModelSpec, settings: Settings, sizes: tuple[tuple[int, int], ...], problems: int = 4) -> None:
    require_shape(spec, settings)
    for shape in sizes:
        attempt(build_model(spec, settings, shape), draw(shape, problems))


def _check_equivariance(spec: ModelSpec, settings: Settings, dim: int) -> None:
    """Raise CheckFailure unless reversing and rotating slots reverses and rotates the logits."""
    for model, inputs in models(spec, settings):
        size = inputs.distance.shape[dim]
        expected = answer(model, inputs)
        for order in (torch.arange(size).flip(0), torch.arange(size).roll(1)):
            moved = Inputs(inputs.distance.index_select(dim, order))
            wrong = first_difference(answer(model, moved), expected.index_select(dim, order))
            if wrong is not None:
                axis = "rows" if dim == 1 else "columns"
                reason = f"{axis} in the order {order.tolist()} give other logits; if intended, tag 'order-dependent'"
                raise CheckFailure(reason, inputs.problem(wrong))


MODEL = (
    Check(check_output_shape),
    Check(check_output_dtype),
    Check(check_output_finite),
    Check(check_batch_of_one),
    Check(check_batch_independence),
    Check(check_deterministic),
    Check(check_row_equivariance, unless=("order-dependent",)),
    Check(check_column_equivariance, unless=("order-dependent",)),
    Check(check_rectangular, unless=("fixed-size",)),
    Check(check_one_by_one, unless=("fixed-size",)),
    Check(check_empty, unless=("fixed-size",)),
)
