"""Build and run what a declaration names; if that fails, raise Blocked with the check that is responsible."""

import copy
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from hnetzoo.association import splits
from hnetzoo.association.batch import SPLITS, AssociationBatch, Split
from hnetzoo.association.contracts import Dataset, Trainer
from hnetzoo.config import Config
from hnetzoo.errors import HnetzooError, one_line
from hnetzoo.registry.components import Component, configure, settings_base
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import ModelSpec, Spec
from hnetzoo.testing.outcome import Blocked, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import SQUARE, Inputs, draw, draw_masked, paired
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.fitting import fit_model, is_fitted

FITTED_TO = 16  # problems, to which models that learn by fitting are fitted before they are asked
FITTED_KEPT = 16  # fitted models, since fitting takes long and many checks ask for the same
CLOSE = 1e-4  # absolute and relative tolerance; smaller differences are rounding


def component(spec: Any, settings: Settings = None) -> Component[Any]:
    """Return the declaration with validated settings; raises CheckSkipped if required ones are not given."""
    required = (name for name, field in settings_class(spec).model_fields.items() if field.is_required())
    missing = [f"{spec.kind}.{name}" for name in required if name not in (settings or {})]
    if missing:
        raise CheckSkipped(f"needs settings: {', '.join(missing)}")
    return configure(spec, settings)


def settings_class(spec: Any) -> type[Config]:
    """Return the settings class; raises Blocked if it cannot be used."""
    try:
        config_class = spec.load_config()
    except HnetzooError as error:
        raise Blocked("check_settings_class", str(error)) from error
    base = settings_base(spec)
    if not (isinstance(config_class, type) and issubclass(config_class, base)):
        raise Blocked("check_settings_class", f"{spec.config} is not a subclass of hnetzoo.{base.__name__}")
    return config_class


def build(spec: Any, settings: Settings = None, *arguments: Any, seed: int = 0) -> Any:
    """Return the target, built with its settings under a fixed seed; raises Blocked if that fails."""
    configured = component(spec, settings)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return configured.build(*arguments)
    except Exception as error:
        raise Blocked("check_builds", f"{spec.target} cannot be built ({one_line(error)})") from error


def build_model(spec: Any, settings: Settings, shape: tuple[int, int], seed: int = 0) -> nn.Module:
    """Return a model with untrained weights, or fitted to some problems if it learns so, in eval mode.

    Raises:
        Blocked: If it is not a module, or cannot be fitted or copied.
    """
    model = build_unfitted(spec, settings, shape, seed)
    if not is_fitted(model):
        return model.eval()
    fitted = _fitted(spec.load_target(), spec, component(spec, settings).config.model_dump_json(), shape, seed)
    try:
        return copy.deepcopy(fitted)
    except Exception as error:
        raise Blocked("check_copies", f"copy.deepcopy raised {one_line(error)}") from error


def build_unfitted(spec: Any, settings: Settings, shape: tuple[int, int], seed: int = 0) -> nn.Module:
    """Return a model with untrained weights; raises Blocked if it is not a module."""
    model = build(spec, settings, shape, seed=seed)
    if not isinstance(model, nn.Module):
        raise Blocked("check_builds", f"{spec.target} builds a {type(model).__name__} instead of a torch.nn.Module")
    lazy = unsized(model)
    if lazy:
        raise Blocked("check_builds", lazy)
    return model


@lru_cache(maxsize=FITTED_KEPT)
def _fitted(target: Any, spec: Any, settings: str, shape: tuple[int, int], seed: int) -> nn.Module:
    """Return a model of settings as JSON, fitted to some problems; `target` is the class that the spec names now."""
    model = build_unfitted(spec, json.loads(settings), shape, seed)
    fit_to(model, paired(draw(shape if all(shape) else SQUARE[0], FITTED_TO)), seed)
    return model.eval()


def fit_to(model: nn.Module, training: AssociationBatch, seed: int = 0) -> None:
    """Fit a model under a fixed seed, as the training loop does; raises Blocked if that fails."""
    try:
        with preserved_state(seed=seed):
            fit_model(model, training)
    except Exception as error:
        raise Blocked("check_fit", f"fit raised {one_line(error)}") from error


def unsized(model: nn.Module) -> str:
    """Return what is wrong with a model that has lazy modules; empty if it has none."""
    lazy = [name for name, tensor in (*model.named_parameters(), *model.named_buffers()) if is_lazy(tensor)]
    if not lazy:
        return ""
    return f"{lazy[0]} has no size yet; lazy modules are not supported: state all sizes when the model is built"


def build_trainer(spec: Any, settings: Settings = None) -> Trainer:
    """Return a trainer; raises Blocked if it lacks a method."""
    trainer = build(spec, settings)
    if not isinstance(trainer, Trainer):
        raise Blocked("check_builds", f"{spec.target} does not build a trainer with `losses` and `configure`")
    return trainer


def build_dataset(spec: Any, settings: Settings = None) -> Dataset:
    """Return a dataset; raises Blocked if it lacks an attribute or method."""
    dataset = build(spec, settings)
    if not isinstance(dataset, Dataset):
        raise Blocked("check_builds", f"{spec.target} does not build a dataset with `unit`, `shape` and `load`")
    return dataset


def load(dataset: Dataset, split: Split, seed: int = 0) -> AssociationBatch:
    """Return a split; raises Blocked if its fields do not fit the dataset's shape."""
    try:
        batch = dataset.load(split, seed)
    except Exception as error:
        raise Blocked("check_shapes", f"load('{split}', {seed}) raised {one_line(error)}") from error
    problem = misshapen(dataset, batch)
    if problem:
        raise Blocked("check_shapes", f"{split} split: {problem}")
    return batch


def load_all(dataset: Dataset, seed: int = 0) -> dict[Split, AssociationBatch]:
    """Return all splits by name."""
    return {split: load(dataset, split, seed) for split in SPLITS}


def misshapen(dataset: Dataset, batch: Any) -> str:
    """Return what is wrong with the fields and shapes of a split; empty if nothing is."""
    if not isinstance(batch, AssociationBatch):
        return f"load returned a {type(batch).__name__} instead of a hnetzoo.AssociationBatch"
    return splits.misshapen(batch, dataset.shape)


def answer(model: nn.Module, inputs: Inputs) -> Tensor:
    """Return the logits of a model, without gradients; raises Blocked if they are not of the distances' shape."""
    b, n, m = inputs.distance.shape
    by = "check_batch_of_one" if b == 1 else "check_output_shape" if n == m else "check_rectangular"
    if inputs.row_mask is not None:
        by = "check_masks_respected"
    try:
        with torch.no_grad():
            logits = call(model, inputs)
    except Exception as error:
        raise Blocked(by, f"forward raised {one_line(error)}", inputs.problem()) from error
    if not isinstance(logits, Tensor) or logits.shape != inputs.distance.shape:
        raise Blocked(by, f"forward returned {described(logits)}", inputs.problem())
    return logits


def attempt(model: nn.Module, inputs: Inputs) -> Tensor:
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


def models(spec: ModelSpec, settings: Settings, *, masked: bool = False) -> Iterator[tuple[nn.Module, Inputs]]:
    """Yield a model and its problems for each size that every model must accept."""
    for shape in SQUARE:
        yield build_model(spec, settings, shape), draw_masked(shape) if masked else draw(shape)


def require_shape(spec: ModelSpec, settings: Settings) -> None:
    """Raise Blocked if even 2 x 2 problems without masks do not give logits of their shape."""
    answer(build_model(spec, settings, SQUARE[0]), draw(SQUARE[0]))


def require_finite(logits: Tensor, inputs: Inputs) -> None:
    """Raise CheckFailure with the first problem that has a logit that is NaN or infinite."""
    wrong = (~logits.isfinite()).flatten(1).any(1).nonzero()
    if len(wrong):
        index = int(wrong[0])
        value = next(value for value in logits[index].flatten().tolist() if not -torch.inf < value < torch.inf)
        raise CheckFailure(f"a logit is {value}", inputs.problem(index))


def call(model: nn.Module, inputs: Inputs) -> Any:
    """Return what a model returns, called without masks and features if the inputs have none."""
    if inputs.row_mask is None:
        return model(inputs.distance, **inputs.features)
    return model(inputs.distance, inputs.row_mask, inputs.col_mask, **inputs.features)


def slope(logits: Tensor) -> Tensor:
    """Return a scalar whose gradient differs between entries, so that no symmetry cancels it."""
    weight = torch.linspace(-1.0, 2.0, logits.numel(), dtype=logits.dtype, device=logits.device).reshape(logits.shape)
    return (torch.sigmoid(logits) * weight + 1e-2 * logits * weight).sum()


def described(value: Any) -> str:
    """Return a description of a value: dtype and shape of a tensor, otherwise the type."""
    if isinstance(value, Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    return f"a {type(value).__name__}"


def first_difference(found: Tensor, expected: Tensor, cells: Tensor | None = None) -> int | None:
    """Return the index of the first problem whose logits differ by more than rounding; None if there is none.

    Only entries where `cells`, bool [b, n, m], is True are compared.
    """
    same = torch.isclose(found, expected, rtol=CLOSE, atol=CLOSE, equal_nan=True)
    if cells is not None:
        same = same | ~cells
    wrong = (~same).flatten(1).any(1).nonzero()
    return int(wrong[0]) if len(wrong) else None


def same_bits(found: Tensor, expected: Tensor) -> bool:
    """Return whether two tensors are exactly equal; NaN equals NaN."""
    return torch.allclose(found, expected, rtol=0, atol=0, equal_nan=True)


def provider_module(spec: Spec) -> str | None:
    """Return the module of the installed plugin that declares a spec; None if there is no such plugin."""
    for plugin in discover().plugins:
        if spec in plugin.specs:
            return plugin.target.partition(":")[0]
    return None
