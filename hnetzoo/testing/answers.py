"""Checks of a model's logits: shape and dtype, and what must not change them."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from hnetzoo.errors import one_line
from hnetzoo.registry.specs import ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, Settings
from hnetzoo.testing.problems import EMPTY, RECTANGULAR, SQUARE, Inputs, draw, draw_masked, flat_problems
from hnetzoo.testing.subjects import answer, build_model, call, described, first_difference, same_bits

GARBAGE = (torch.nan, torch.inf, -1e9)  # values tried in masked slots


def check_output_shape(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits are a tensor of the same shape as the distances."""
    for shape in SQUARE:
        _run(build_model(spec, settings, shape), draw(shape))


def check_output_dtype(spec: ModelSpec, settings: Settings = None) -> None:
    """Float32 distances give float32 logits."""
    for model, inputs in _models(spec, settings):
        logits = answer(model, inputs)
        if logits.dtype != torch.float32:
            raise CheckFailure(f"logits of float32 distances are {described(logits)}", inputs.problem())


def check_output_finite(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits are finite, also for distances that are equal, zero, very small or very large."""
    cases = [*(draw(shape) for shape in SQUARE), *flat_problems()]
    for inputs in cases:
        model = build_model(spec, settings, _shape(inputs))
        _check_finite(answer(model, inputs), inputs)


def check_batch_of_one(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits of a batch of one problem keep the batch axis."""
    _check_sizes(spec, settings, SQUARE, problems=1)


def check_batch_independence(spec: ModelSpec, settings: Settings = None) -> None:
    """The logits of a problem do not depend on the other problems in its batch."""
    for model, inputs in _models(spec, settings):
        first, *others = inputs.distance
        for other in others:
            pair, same = Inputs(torch.stack((first, other))), Inputs(torch.stack((first, first)))
            if first_difference(answer(model, pair)[:1], answer(model, same)[:1]) is not None:
                raise CheckFailure("the first logits change with the second problem of the batch", pair.problem())


def check_masks_respected(spec: ModelSpec, settings: Settings = None) -> None:
    """Values outside the masks, NaN included, do not change the logits inside."""
    _require_shape(spec, settings)
    for model, inputs in _models(spec, settings, masked=True):
        clean = inputs.fill(0.0)
        expected = _run(model, clean)
        for value in GARBAGE:
            filled = inputs.fill(value)
            wrong = first_difference(_run(model, filled), expected, inputs.cells)
            if wrong is not None:
                raise CheckFailure(f"{value} outside the masks changes logits inside", filled.problem(wrong))


def check_masked_output_finite(spec: ModelSpec, settings: Settings = None) -> None:
    """Logits are finite outside the masks too, whatever the distances there: 0 times NaN is NaN in a loss."""
    for model, inputs in _models(spec, settings, masked=True):
        for value in GARBAGE:
            filled = inputs.fill(value)
            _check_finite(answer(model, filled), filled)


def check_masks_default_to_true(spec: ModelSpec, settings: Settings = None) -> None:
    """Masks of all True give the same logits as no masks."""
    for model, inputs in _models(spec, settings):
        b, n, m = inputs.distance.shape
        row_mask, col_mask = torch.ones(b, n, dtype=torch.bool), torch.ones(b, m, dtype=torch.bool)
        masked = Inputs(inputs.distance, row_mask, col_mask)
        wrong = first_difference(answer(model, masked), answer(model, inputs))
        if wrong is not None:
            raise CheckFailure("masks of all True and no masks give different logits", masked.problem(wrong))


def check_padding_invariance(spec: ModelSpec, settings: Settings = None) -> None:
    """Appending masked slots to a problem does not change its logits."""
    for n, m in SQUARE:
        inputs = draw((n, m))
        padded = Inputs(
            torch.nn.functional.pad(inputs.distance, (0, 1, 0, 1), value=1.0),
            (torch.arange(n + 1) < n).expand(len(inputs.distance), -1),
            (torch.arange(m + 1) < m).expand(len(inputs.distance), -1),
        )
        model = build_model(spec, settings, (n, m))
        wrong = first_difference(answer(model, padded)[:, :n, :m], answer(model, inputs))
        if wrong is not None:
            raise CheckFailure("appending a masked row and column changes the logits", padded.problem(wrong))


def check_input_not_mutated(spec: ModelSpec, settings: Settings = None) -> None:
    """Distances and masks are not modified in place."""
    for masked in (False, True):
        for model, inputs in _models(spec, settings, masked=masked):
            given = inputs.fill(torch.nan)
            kept = given.clone()
            answer(model, given)
            for name in ("distance", "row_mask", "col_mask"):
                before, after = getattr(kept, name), getattr(given, name)
                if before is not None and not same_bits(before, after):
                    raise CheckFailure(f"forward writes into {name}", kept.problem())


def check_deterministic(spec: ModelSpec, settings: Settings = None) -> None:
    """In eval mode, the same problems give bitwise equal logits, whatever the state of torch's generator."""
    for model, inputs in _models(spec, settings):
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


def check_all_masked(spec: ModelSpec, settings: Settings = None) -> None:
    """Problems whose rows or columns are all masked give finite logits, of any value."""
    _require_shape(spec, settings)
    for rows, columns in ((False, False), (False, True), (True, False)):
        inputs = Inputs(
            torch.full((2, 2, 2), torch.nan),
            torch.full((2, 2), rows, dtype=torch.bool),
            torch.full((2, 2), columns, dtype=torch.bool),
        )
        _check_finite(_run(build_model(spec, settings, (2, 2)), inputs), inputs)


def _models(spec: ModelSpec, settings: Settings, *, masked: bool = False) -> Iterator[tuple[nn.Module, Inputs]]:
    """Yield a model and its problems for each size that every model must accept."""
    for shape in SQUARE:
        yield build_model(spec, settings, shape), draw_masked(shape) if masked else draw(shape)


def _shape(inputs: Inputs) -> tuple[int, int]:
    return inputs.distance.shape[1], inputs.distance.shape[2]


def _run(model: nn.Module, inputs: Inputs) -> Tensor:
    """Return the logits, without gradients; raises CheckFailure unless they are a tensor of the distances' shape."""
    expected = list(inputs.distance.shape)
    try:
        with torch.no_grad():
            logits = call(model, inputs)
    except Exception as error:
        raise CheckFailure(f"forward raised {one_line(error)} for distances {expected}", inputs.problem()) from error
    if not isinstance(logits, Tensor) or list(logits.shape) != expected:
        raise CheckFailure(f"forward returned {described(logits)} for distances {expected}", inputs.problem())
    return logits


def _check_sizes(spec: ModelSpec, settings: Settings, sizes: tuple[tuple[int, int], ...], problems: int = 4) -> None:
    _require_shape(spec, settings)
    for shape in sizes:
        _run(build_model(spec, settings, shape), draw(shape, problems))


def _require_shape(spec: ModelSpec, settings: Settings) -> None:
    """Raise Blocked if even 2 x 2 problems without masks do not give logits of their shape."""
    answer(build_model(spec, settings, SQUARE[0]), draw(SQUARE[0]))


def _check_finite(logits: Tensor, inputs: Inputs) -> None:
    wrong = (~logits.isfinite()).flatten(1).any(1).nonzero()
    if len(wrong):
        index = int(wrong[0])
        value = next(value for value in logits[index].flatten().tolist() if not -torch.inf < value < torch.inf)
        raise CheckFailure(f"a logit is {value}", inputs.problem(index))


def _check_equivariance(spec: ModelSpec, settings: Settings, dim: int) -> None:
    """Raise CheckFailure unless reversing and rotating slots reverses and rotates the logits."""
    for model, inputs in _models(spec, settings):
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
    Check(check_masks_respected),
    Check(check_masked_output_finite),
    Check(check_masks_default_to_true),
    Check(check_padding_invariance, unless=("fixed-size",)),
    Check(check_input_not_mutated),
    Check(check_deterministic),
    Check(check_row_equivariance, unless=("order-dependent",)),
    Check(check_column_equivariance, unless=("order-dependent",)),
    Check(check_rectangular, unless=("fixed-size",)),
    Check(check_one_by_one, unless=("fixed-size",)),
    Check(check_empty, unless=("fixed-size",)),
    Check(check_all_masked, unless=("fixed-size",)),
)
