"""From names to live objects: settings validated, models built, weights loaded."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, TypeVar, cast

from torch import nn

from hnetzoo.association.contracts import Dataset
from hnetzoo.errors import CheckpointError, ConfigError, UnknownNameError
from hnetzoo.files import read_json
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import ModelSpec, Pretrained, Spec
from hnetzoo.training.runs import BEST, read_run
from hnetzoo.training.weights import fill, load_tensors

DEFAULT_VARIANT = "default"
RUN_PREFIX = "run:"
NON_LEARNED = "non-learned"
FALLBACK_SHAPE = (2, 2)  # of a model that is built before it has seen a problem; size-free models ignore it

SpecType = TypeVar("SpecType", bound=Spec)


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model in eval mode and where it came from.

    `weights` reads "pretrained:VARIANT", "run:PATH", "none" for solvers, or "random".
    """

    module: nn.Module
    component: Component[ModelSpec]
    weights: str
    shape: tuple[int, int] | None


def load_dataset(name: str, *, registry: Registry | None = None, **settings: Any) -> Dataset:
    """Build a registered dataset.

    Args:
        name: A registered name.
        registry: Where to look; None discovers the installed plugins.
        settings: The dataset's settings by name.

    Raises:
        UnknownNameError: If the dataset or a setting is unknown.
        ConfigError: If a setting's value is not accepted.

    Example:
        >>> batch = load_dataset("doa", max_doas=3, samples=200).load("test", seed=0)
        >>> batch.distance.shape
        torch.Size([20, 3, 3])
    """
    return cast(Dataset, configure((registry or discover()).dataset(name), settings).build())


def load_model(
    name: str,
    *,
    weights: str | Path | None = DEFAULT_VARIANT,
    shape: tuple[int, int] | None = None,
    registry: Registry | None = None,
    **settings: Any,
) -> nn.Module:
    """Build a model in eval mode, with its weights.

    Args:
        name: A registered name, "name@variant", or "run:PATH" for a run directory.
        weights: A variant name, a run directory, or None for untrained weights. Solvers have none and ignore it.
        shape: (n, m) of the problems, for models of fixed size; None takes that of the weights.
        registry: Where to look; None discovers the installed plugins.
        settings: Settings of the model by name, in place of those that the weights were trained with, which the
            card of the weights states; the weights must fit them.

    Returns:
        The model; `model(distance)` gives logits [b, n, m].

    Raises:
        UnknownNameError: If the model, the variant or a setting is unknown.
        CheckpointError: If the weights are missing, damaged or do not fit.

    Example:
        >>> import torch
        >>> model = load_model("hungarian")
        >>> model(torch.tensor([[[0.1, 1.0], [1.0, 0.2]]])).sigmoid().round().int().tolist()
        [[[1, 0], [0, 1]]]
    """
    registry = registry or discover()
    if weights is None:
        component = configure(registry.model(name), settings)
        return cast(nn.Module, component.build(shape or FALLBACK_SHAPE).eval())
    if weights != DEFAULT_VARIANT:
        is_run = isinstance(weights, Path) or Path(weights).is_dir()
        name = f"{RUN_PREFIX}{weights}" if is_run else f"{name}@{weights}"
    return resolve_model(name, registry, shape=shape, settings=settings).module


def resolve_model(
    reference: str,
    registry: Registry,
    *,
    shape: tuple[int, int] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> LoadedModel:
    """Turn "name", "name@variant" or "run:PATH" into a model with weights.

    Args:
        reference: Which model.
        registry: Where names are looked up.
        shape: (n, m) of the problems, for models of fixed size without weights.
        settings: They replace those that a run directory names; the weights must fit them.

    Raises:
        HnetzooError: As `load_model` does.
    """
    if reference.startswith(RUN_PREFIX):
        return _from_run(Path(reference.removeprefix(RUN_PREFIX)), registry, settings or {})
    name, at, variant = reference.partition("@")
    spec = registry.model(name)
    if NON_LEARNED in spec.tags and not at:
        component = configure(spec, settings)
        module = component.build(shape or FALLBACK_SHAPE).eval()
        return LoadedModel(module=module, component=component, weights="none", shape=None)
    chosen = _variant(spec, variant or DEFAULT_VARIANT)
    component = configure(spec, {**_trained_settings(chosen), **(settings or {})})
    module = component.build(chosen.shape or shape or FALLBACK_SHAPE)
    with as_file(_resource(chosen.weights)) as path:
        fill(module, load_tensors(path), str(path))
    weights = f"pretrained:{chosen.variant}"
    return LoadedModel(module=module.eval(), component=component, weights=weights, shape=chosen.shape)


def specification(reference: str, registry: Registry) -> ModelSpec:
    """Look up the declaration behind "name", "name@variant" or "run:PATH"."""
    if reference.startswith(RUN_PREFIX):
        return registry.model(read_run(Path(reference.removeprefix(RUN_PREFIX))).model)
    return registry.model(reference.partition("@")[0])


def _from_run(path: Path, registry: Registry, settings: Mapping[str, Any]) -> LoadedModel:
    run = read_run(path)
    component = configure(registry.model(run.model), {**run.settings.get("model", {}), **settings})
    module = component.build(run.shape)
    fill(module, load_tensors(path / BEST), str(path / BEST))
    return LoadedModel(module=module.eval(), component=component, weights=f"{RUN_PREFIX}{path}", shape=run.shape)


def _variant(spec: ModelSpec, variant: str) -> Pretrained:
    if not spec.pretrained:
        raise ConfigError(
            f"model '{spec.name}' ships no weights; train it ('hnetzoo train {spec.name} --out DIR') and use 'run:DIR'"
        )
    for pretrained in spec.pretrained:
        if pretrained.variant == variant:
            return pretrained
    raise UnknownNameError(f"variant of {spec.name}", variant, (entry.variant for entry in spec.pretrained))


def _trained_settings(pretrained: Pretrained) -> dict[str, Any]:
    """Read the settings that the model was trained with off the card; none where it states none."""
    with as_file(_resource(pretrained.card)) as path:
        return dict(read_json(path).get("settings", {}).get("model", {}))


def _resource(name: str) -> Any:
    """Find a file inside a package; raises CheckpointError if it is in none."""
    package, _, path = name.partition(":")
    try:
        return files(package).joinpath(path)
    except (ImportError, TypeError):  # a module is no package
        raise CheckpointError(
            f"'{name}' is not inside an installed package; correct the weights of the plugin"
        ) from None
