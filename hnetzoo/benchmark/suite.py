"""What to benchmark: models, datasets and seeds, from a TOML file or by default. Names are resolved by the plan."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from hnetzoo.config import MAX_SEED, Config, read_toml, validate
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import BASELINE, DEFAULT_TASK, FEATURES, NON_LEARNED, DatasetSpec, ModelSpec

Values = Mapping[str, Any]
SeenSplit = Literal["train", "validation"]
MOST_CHOICES = 10_000  # settings that one model is tuned over


class Entry(Config):
    """A dataset of a suite, and the fields that a model has too."""

    name: str
    """A registered name; for a model also name@variant or run:PATH."""
    label: str = ""
    """What the reports call it; the name where empty."""
    settings: Values = Field(default_factory=dict)
    """Its settings."""
    optional: bool = False
    """Skip it with a line where it cannot be used; otherwise that is an error."""

    @property
    def title(self) -> str:
        """What the reports call it."""
        return self.label or self.name


class ModelEntry(Entry):
    """A model of a suite."""

    train: bool = False
    """Train it on each dataset; otherwise it is evaluated with the weights that it has."""
    trainer: Values = Field(default_factory=dict)
    """Settings of its trainer, where it is trained."""
    init: str = ""
    """Weights to start the training from, name@variant or run:PATH; random ones where empty."""
    train_on: Values = Field(default_factory=dict)
    """Settings of each dataset where it is trained on it, in place of those that the dataset is tested with; none that
    moves test problems into training."""
    tune: Mapping[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Settings of the model to choose from, by the F1 on some splits of each dataset and seed; of equals, the first."""
    tune_on: Annotated[tuple[SeenSplit, ...], Field(min_length=1)] = ("validation",)
    """The splits to choose on. ["train", "validation"] gives a gate all problems that a network may learn from."""
    features: bool = True
    """Show it the features of problems, if it takes any; false withholds them, and distances are all that it sees."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        count = math.prod(map(len, self.tune.values()))
        if count > MOST_CHOICES:
            raise ValueError(f"tune has {count:,} combinations; at most {MOST_CHOICES:,} are tried: give fewer values")
        return self

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The values of `tune` in all combinations; one, without any value, where nothing is tuned."""
        return [dict(zip(self.tune, values, strict=True)) for values in product(*self.tune.values())]


def _named(item: Any) -> Any:
    return {"name": item} if isinstance(item, str) else item


class Suite(Config):
    """What to benchmark: every model on every dataset for every seed; a text stands for an entry's name."""

    models: tuple[Annotated[ModelEntry, BeforeValidator(_named)], ...]
    """Models, in any order; the baseline is put first."""
    datasets: tuple[Annotated[Entry, BeforeValidator(_named)], ...]
    """Datasets, in the order of the report."""
    seeds: tuple[Annotated[int, Field(ge=0, le=MAX_SEED)], ...] = (0,)
    """Seeds of the test splits, and of trainings."""


def read_suite(path: Path) -> Suite:
    """Return the suite of a TOML file; raises ConfigError naming what is wrong with it."""
    return validate(Suite, read_toml(path), f"suite '{path}'")


def with_models(suite: Suite, names: Iterable[str], registry: Registry) -> Suite:
    """Return a suite of some models on the datasets and seeds of another one, which keeps its baseline.

    Args:
        suite: The datasets, seeds and baseline.
        names: Labels of its models, or registered names as in `ModelEntry`.
        registry: Tells which model is a baseline.

    Example:
        >>> from hnetzoo import discover
        >>> suite = Suite(models=("hungarian", "greedy", "perturbed"), datasets=("doa",))
        >>> [entry.title for entry in with_models(suite, ["sinkhorn"], discover()).models]
        ['hungarian', 'sinkhorn']
    """
    known = {entry.title: entry for entry in suite.models}
    chosen = [known.get(name) or ModelEntry(name=name) for name in names]
    baselines = [entry for entry in suite.models if _is_baseline(entry.name, registry)][:1]
    missing = [entry for entry in baselines if entry.title not in {other.title for other in chosen}]
    return suite.model_copy(update={"models": (*missing, *chosen)})


def _is_baseline(name: str, registry: Registry) -> bool:
    return name in registry.models and BASELINE in registry.models[name].tags


def default_suite(
    registry: Registry,
    models: Iterable[str] = (),
    datasets: Iterable[str] = (),
    seeds: Iterable[int] = (),
    settings: Values | None = None,
) -> Suite:
    """Return a suite of the given names, with defaults for the rest.

    Models default to all solvers and all pretrained weights, datasets to those tagged "benchmark", seeds to 0; defaults
    are optional, so that a plugin that cannot be used stops no other. `settings` are those of every dataset. Those
    "benchmark" datasets offer no features, so that models tagged "features" are among the defaults where datasets are
    given.
    """
    given = tuple(datasets)
    named = tuple(models)
    ready = (*_ready_models(registry, features=bool(given)), *_contested(registry, ModelSpec.kind))
    usual = (name for name, spec in registry.datasets.items() if DEFAULT_TASK in spec.tags)
    tasks = given or (*usual, *_contested(registry, DatasetSpec.kind))
    return Suite(
        models=tuple(ModelEntry(name=name, optional=not named) for name in named or ready),
        datasets=tuple(Entry(name=name, settings=settings or {}, optional=not given) for name in tasks),
        seeds=tuple(seeds) or (0,),
    )


def _contested(registry: Registry, kind: str) -> Iterator[str]:
    """Yield the names that several plugins provide, so that a report says why they are missing."""
    return (conflict.name for conflict in registry.conflicts if conflict.kind == kind)


def _ready_models(registry: Registry, *, features: bool) -> Iterator[str]:
    """Yield the names of all solvers and of each set of shipped weights, of models that take features if wanted."""
    for name, spec in registry.models.items():
        if FEATURES in spec.tags and not features:
            continue
        if NON_LEARNED in spec.tags:
            yield name
        for pretrained in (entry for entry in spec.pretrained if not entry.retired):
            yield name if pretrained is spec.pretrained[0] else f"{name}@{pretrained.variant}"
