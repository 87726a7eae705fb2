"""From names to datasets, and to models with weights."""

from pathlib import Path
from typing import Any, cast

from torch import nn

from hnetzoo.association.contracts import Dataset
from hnetzoo.errors import ConfigError
from hnetzoo.registry.cards import DEFAULT_VARIANT
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.resolution import Shape, resolve_model
from hnetzoo.registry.specs import DatasetSpec
from hnetzoo.training.runs import RUN_PREFIX


def load_dataset(name: str, *, registry: Registry | None = None, **settings: Any) -> Dataset:
    """Return a registered dataset.

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
    return cast(Dataset, (registry or discover()).configure(DatasetSpec, name, settings).build())


def load_model(
    name: str,
    *,
    weights: str | Path | None = DEFAULT_VARIANT,
    shape: Shape | None = None,
    registry: Registry | None = None,
    **settings: Any,
) -> nn.Module:
    """Return a model in eval mode, with its weights.

    Args:
        name: A registered name, "name@variant", or "run:PATH" for a run directory.
        weights: A variant or a run directory, where the name says neither; a text that is both names the variant.
            None gives initial weights. Solvers have none: leave it out.
        shape: (n, m) of the problems, for models of fixed size; None takes that of the weights.
        registry: Where to look; None discovers the installed plugins.
        settings: Settings of the model by name, in place of those that the weights were trained with; the weights must
            fit them.

    Returns:
        The model; `model(distance)` gives logits [b, n, m].

    Raises:
        UnknownNameError: If the model, the variant or a setting is unknown.
        ConfigError: If the run directory holds another model, or weights are named twice.
        ShapeError: If the weights are for problems of another shape.
        CheckpointError: If the weights are missing, damaged or do not fit.

    Example:
        >>> import torch
        >>> model = load_model("hungarian")
        >>> model(torch.tensor([[[0.1, 1.0], [1.0, 0.2]]])).sigmoid().round().int().tolist()
        [[[1, 0], [0, 1]]]
    """
    registry = registry or discover()
    if weights is None:
        return resolve_model(name, registry, settings, with_weights=False).build(shape)
    if weights == DEFAULT_VARIANT:
        return resolve_model(name, registry, settings).load(shape)
    resolved = resolve_model(_reference(name, weights, registry), registry, settings)
    if resolved.spec.name != name:
        raise ConfigError(f"'{weights}' holds weights of {resolved.spec.name} and not of {name}")
    return resolved.load(shape)


def _reference(name: str, weights: str | Path, registry: Registry) -> str:
    """Return what a name and the argument `weights` stand for together; a variant goes before a folder."""
    if name.startswith(RUN_PREFIX) or "@" in name:
        raise ConfigError(f"'{name}' names weights already; leave out weights={str(weights)!r}")
    variants = {pretrained.variant for pretrained in registry.model(name).pretrained}
    path = str(weights).removeprefix(RUN_PREFIX)
    is_run = isinstance(weights, Path) or path != weights or (path not in variants and Path(path).is_dir())
    return f"{RUN_PREFIX}{path}" if is_run else f"{name}@{weights}"
