"""What to benchmark: models, datasets and seeds, from a TOML file or by default, and the cells that they make."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hnetzoo.config import Config, read_toml, validate
from hnetzoo.errors import ConfigError, HnetzooError
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.loading import NON_LEARNED, resolve_model, specification
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.paths import resolve_paths
from hnetzoo.registry.specs import DatasetSpec

BASELINE = "baseline"
DEFAULT_TASK = "benchmark"  # tag of the datasets that are used when none is named
Values = Mapping[str, Any]


class Entry(Config):
    """A dataset of a suite, and what a model has in common with it."""

    name: str
    """A registered name; for a model also name@variant or run:PATH."""
    label: str = ""
    """What the reports call it; the name where empty."""
    settings: Values = Field(default_factory=dict)
    """Its settings."""

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
    tune: Mapping[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = Field(default_factory=dict)
    """Settings of the model to choose from, by the F1 of the validation split of each dataset and seed."""

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
    seeds: tuple[int, ...] = (0,)
    """Seeds of the test splits, and of trainings."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One model on one dataset with one seed; `index` is its place in the report."""

    index: int
    model: ModelEntry
    dataset: Entry
    seed: int


def read_suite(path: Path) -> Suite:
    """Read a suite from a TOML file; raises ConfigError naming what is wrong with it."""
    return validate(Suite, read_toml(path), f"suite '{path}'")


def default_suite(
    registry: Registry,
    models: Iterable[str] = (),
    datasets: Iterable[str] = (),
    seeds: Iterable[int] = (),
    settings: Values | None = None,
) -> Suite:
    """Name what to benchmark, filling in what is left out.

    Models default to all solvers and all pretrained weights, datasets to those tagged "benchmark", seeds to 0;
    `settings` are those of every dataset.
    """
    tasks = tuple(datasets) or (name for name, spec in registry.datasets.items() if DEFAULT_TASK in spec.tags)
    return Suite(
        models=tuple(ModelEntry(name=name) for name in tuple(models) or _ready_models(registry)),
        datasets=tuple(Entry(name=name, settings=settings or {}) for name in tasks),
        seeds=tuple(seeds) or (0,),
    )


def train_all(suite: Suite, registry: Registry) -> Suite:
    """Train every learned model of a suite, but those that name weights of their own or are tuned."""
    models = (
        entry.model_copy(update={"train": True}) if _is_trainable(entry, registry) and not entry.tune else entry
        for entry in suite.models
    )
    return suite.model_copy(update={"models": tuple(models)})


def plan(suite: Suite, registry: Registry, data: Path = Path()) -> list[Cell]:
    """Check all names, settings and files, and list the cells: by dataset, by seed, by model, the baseline first.

    Raises:
        HnetzooError: If a name, setting or file is not accepted.
    """
    for entries in (suite.models, suite.datasets):
        _check_titles(entries)
    for model in suite.models:
        _check_model(model, registry)
    for dataset in suite.datasets:
        dataset_of(dataset, registry, data)
    models = sorted(suite.models, key=lambda entry: not is_baseline(entry, registry))
    combinations = product(suite.datasets, suite.seeds, models)
    return [
        Cell(index=index, model=model, dataset=dataset, seed=seed)
        for index, (dataset, seed, model) in enumerate(combinations)
    ]


def dataset_of(entry: Entry, registry: Registry, data: Path) -> Component[DatasetSpec]:
    """Validate a dataset's settings, their relative paths seen from a folder."""
    spec = registry.dataset(entry.name)
    configure(spec, entry.settings)  # unknown names and wrong types come before missing files
    return configure(spec, resolve_paths(spec.load_config(), entry.settings, data))


def is_baseline(entry: Entry, registry: Registry) -> bool:
    """Tell whether others are held against this model."""
    return BASELINE in specification(entry.name, registry).tags


def _check_titles(entries: Sequence[Entry]) -> None:
    titles = [entry.title for entry in entries]
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(f"{titles.count(title)} entries of the suite are called '{title}'; give each its label")


def _check_model(entry: ModelEntry, registry: Registry) -> None:
    spec = specification(entry.name, registry)
    configure(registry.trainer(spec.trainer), entry.trainer)
    if entry.train:
        if not _is_trainable(entry, registry):
            raise ConfigError(f"'{entry.title}' cannot be trained: it names weights or learns nothing; leave out train")
        if entry.tune:
            raise ConfigError(f"'{entry.title}' is trained and tuned; choose one")
        configure(spec, entry.settings)
        return
    for choice in entry.choices:
        settings = {**entry.settings, **choice}
        if NON_LEARNED in spec.tags:
            configure(spec, settings)
        else:
            _check_weights(entry, settings, registry)


def _check_weights(entry: ModelEntry, settings: Values, registry: Registry) -> None:
    """Raise HnetzooError unless there are weights and they fit."""
    try:
        resolve_model(entry.name, registry, settings=settings)
    except HnetzooError:
        raise
    except Exception:  # the model's own fault: it fails its cells and no others
        return


def _is_trainable(entry: ModelEntry, registry: Registry) -> bool:
    """Tell a learned model named alone from a solver and from given weights."""
    spec = specification(entry.name, registry)
    return NON_LEARNED not in spec.tags and entry.name == spec.name


def _ready_models(registry: Registry) -> Iterator[str]:
    """Name all solvers, and each set of shipped weights."""
    for name, spec in registry.models.items():
        if NON_LEARNED in spec.tags:
            yield name
        for pretrained in spec.pretrained:
            yield name if pretrained is spec.pretrained[0] else f"{name}@{pretrained.variant}"
