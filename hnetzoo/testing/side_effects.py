"""Checks that a call of a model changes nothing: its inputs, its state, later answers, and the process around it."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import torch
from torch import Tensor, nn

from hnetzoo.registry.specs import ModelSpec
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, Settings
from hnetzoo.testing.problems import SQUARE, Inputs, draw, draw_masked
from hnetzoo.testing.subjects import answer, build_model, component, first_difference, models, same_bits
from hnetzoo.training.determinism import GlobalState, preserved_state

SCALES = (1.0, 1e3, 1e6)  # of the distances; some code clamps large ones in place
UNUSUAL, THREADS = 8191, 3  # a seed and a number of threads that hardly a model sets, so that setting them shows
INTERNAL = frozenset(vars(nn.Module()))  # attributes of every module


def check_input_not_mutated(spec: ModelSpec, settings: Settings = None) -> None:
    """Distances and masks are not modified in place, in either mode, however large the distances."""
    for masked in (False, True):
        for model, inputs in models(spec, settings, masked=masked):
            for training, scale in ((mode, scale) for mode in (False, True) for scale in SCALES):
                given = Inputs(scale * inputs.distance, inputs.row_mask, inputs.col_mask).fill(torch.nan)
                kept = given.clone()
                answer(model.train(training), given)
                for name in ("distance", "row_mask", "col_mask"):
                    before, after = getattr(kept, name), getattr(given, name)
                    if before is not None and not same_bits(before, after):
                        raise CheckFailure(f"forward writes into {name}", kept.problem())


def check_calls_independent(spec: ModelSpec, settings: Settings = None) -> None:
    """An answer does not depend on earlier calls, with other masks or other problems of the same shape."""
    for shape in SQUARE:
        model = build_model(spec, settings, shape)
        plain, masked = draw(shape), draw_masked(shape)
        assert masked.row_mask is not None
        assert masked.col_mask is not None
        turned = Inputs(masked.distance.flip(0), masked.row_mask.flip(0), masked.col_mask.flip(0))
        for inputs in (masked, turned, plain, masked):
            expected = answer(_twin(model, spec, settings, shape), inputs)
            wrong = first_difference(answer(model, inputs), expected, inputs.cells)
            if wrong is not None:
                raise CheckFailure("a model that has answered before gives other logits", inputs.problem(wrong))


def check_eval_keeps_state(spec: ModelSpec, settings: Settings = None) -> None:
    """In eval mode, no call changes a weight or buffer, and none after the first another attribute.

    What the first call of a shape builds, such as a table of positions, may stay.
    """
    for model, inputs in models(spec, settings):
        weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        answer(model, inputs)
        kept = _attributes(model)
        answer(model, Inputs(inputs.distance.flip(0) + 0.1))
        now = model.state_dict()
        changed = [name for name, tensor in weights.items() if name not in now or not same_bits(tensor, now[name])]
        after = _attributes(model)
        changed += sorted(name for name in kept.keys() | after.keys() if kept.get(name) != after.get(name))
        if changed:
            raise CheckFailure(f"a call in eval mode changes {', '.join(changed)}", inputs.problem())


def check_process_left_alone(spec: ModelSpec, settings: Settings = None) -> None:
    """Building and calling a model in eval mode print nothing and keep global random states, threads and default type.

    Building may draw initial weights from torch's generator, but not seed it.
    """
    states = []
    for seed in (0, 1):
        with _watched("building the model", but="torch's global random state"):
            model = build_model(spec, settings, SQUARE[0], seed)
            states.append(_state_after_building(spec, settings, seed))
    if torch.equal(*states):
        raise CheckFailure("building the model seeds torch's global generator; draw from a generator of its own")
    for inputs in (draw(SQUARE[0]), draw_masked(SQUARE[0])):
        with _watched("a call in eval mode", inputs):
            answer(model, inputs)


def _state_after_building(spec: ModelSpec, settings: Settings, seed: int) -> Tensor:
    """Return the state of torch's global generator after a model was built under a seed."""
    configured = component(spec, settings)
    with preserved_state(seed=seed):
        configured.build(SQUARE[0])
        return torch.get_rng_state()


@contextmanager
def _watched(what: str, inputs: Inputs | None = None, but: str = "") -> Iterator[None]:
    """Raise CheckFailure after a `with` block that printed or changed a global state, which is then restored."""
    printed = StringIO()
    with preserved_state(seed=UNUSUAL, threads=THREADS), redirect_stdout(printed):
        before = GlobalState.now()
        yield
        changed = [name for name in before.differences(GlobalState.now()) if name != but]
    problem = None if inputs is None else inputs.problem()
    if changed:
        raise CheckFailure(f"{what} changes {' and '.join(changed)}; draw from a generator of its own", problem)
    if printed.getvalue():
        raise CheckFailure(f"{what} prints {printed.getvalue()[:40]!r}; use the logging module", problem)


def _twin(model: nn.Module, spec: ModelSpec, settings: Settings, shape: tuple[int, int]) -> nn.Module:
    """Return a new model with the same weights; raises Blocked if they do not fit it."""
    twin = build_model(spec, settings, shape)
    try:
        twin.load_state_dict(model.state_dict())
    except Exception as error:
        raise Blocked("check_rebuilt_from_settings", "its weights do not fit a second model") from error
    return twin


def _attributes(model: nn.Module) -> dict[str, object]:
    """Return the plain attributes and buffers of all modules, by path, as values that can be compared."""
    return {
        f"{path}.{name}".removeprefix("."): _comparable(value)
        for path, module in model.named_modules()
        for name, value in (*vars(module).items(), *module.named_buffers(recurse=False))
        if name not in INTERNAL
    }


def _comparable(value: Any) -> object:
    """Return a copy of a plain value, or the type of any other."""
    if isinstance(value, Tensor):
        return str(value.dtype), tuple(value.shape), str(value.tolist())
    if isinstance(value, dict):
        return {str(key): _comparable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_comparable(entry) for entry in value]
    return repr(value) if isinstance(value, bool | int | float | str | None) else type(value)


MODEL = (
    Check(check_input_not_mutated),
    Check(check_calls_independent),
    Check(check_eval_keeps_state),
    Check(check_process_left_alone),
)
