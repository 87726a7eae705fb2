"""Suites as plans: names looked up, settings and weights checked, source code digested, before anything runs.

A plan is plain data; whoever runs its jobs, in this process or in a worker, looks nothing up again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from hnetzoo.benchmark.results import EVERY_MODEL, Skipped
from hnetzoo.benchmark.suite import Entry, ModelEntry, SeenSplit, Suite
from hnetzoo.config import SplitShares
from hnetzoo.errors import ConfigError, HnetzooError
from hnetzoo.registry.components import Component
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.paths import hide_folders, resolve_paths
from hnetzoo.registry.provenance import Code, Sources
from hnetzoo.registry.resolution import ResolvedModel, resolve_model, resolve_start
from hnetzoo.registry.specs import BASELINE, FEATURES, NON_LEARNED, DatasetSpec, ModelSpec, Spec, TrainerSpec

_LOG = logging.getLogger(__name__)
EntryType = TypeVar("EntryType", bound=Entry)
Found = TypeVar("Found")


@dataclass(frozen=True, kw_only=True)
class Task:
    """A dataset with settings; `given` are the settings as the suite has them, without absolute paths."""

    title: str
    dataset: Component[DatasetSpec]
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A model as it enters a task.

    Fields:
        title: Its name in reports.
        choices: The model; several, of different settings, if one is chosen.
        tune_on: The splits that the choice is made on.
        tuned: The settings of each choice, as "gate=0.3"; "" where nothing is tuned.
        weights: Digest of the weights; "none" for solvers, and for a model that is trained first.
        trainer: Trains it on the task; None if it is evaluated as it is.
        train_on: Settings of the dataset that it is trained on, where they are not those of the task.
        features: Whether it is shown the features of problems, if it takes any.
    """

    title: str
    choices: tuple[ResolvedModel, ...]
    tune_on: tuple[SeenSplit, ...] = ("validation",)
    tuned: tuple[str, ...] = ("",)
    weights: str = "none"
    trainer: Component[TrainerSpec] | None = None
    train_on: Mapping[str, Any] = field(default_factory=dict)
    features: bool = True

    @property
    def spec(self) -> ModelSpec:
        """The declaration of the model."""
        return self.choices[0].spec

    @property
    def specs(self) -> list[Spec]:
        """The declarations of the model and of its trainer, if any."""
        return [self.spec, *([self.trainer.spec] if self.trainer else [])]

    @property
    def takes_features(self) -> bool:
        """Whether the model is shown the features of problems."""
        return self.features and FEATURES in self.spec.tags


@dataclass(frozen=True, kw_only=True)
class Job:
    """One entrant on one task with one seed.

    Fields:
        index: Its place in the report.
        training: What the entrant is trained on, if it is; the task, but for the entrant's own settings.
        plugin: Who provides the model, "distribution:entrypoint".
        code: What the numbers depend on beside settings and data.
    """

    index: int
    entrant: Entrant
    task: Task
    training: Task
    seed: int
    plugin: str = ""
    code: Code = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it is called in lines to the user."""
        return f"{self.entrant.title} on {self.task.title}, seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The jobs of a suite.

    Fields:
        jobs: By task, by seed, by model.
        tasks: In the order of the suite.
        baseline: Title of the model that others are compared with; "" if there is none.
        plugins: Version and origin of every plugin involved, by "distribution:entrypoint".
        skipped: Optional models and datasets of the suite that cannot be used.
    """

    jobs: tuple[Job, ...]
    tasks: tuple[Task, ...]
    baseline: str = ""
    plugins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    skipped: tuple[Skipped, ...] = ()


def plan(suite: Suite, registry: Registry, data: Path = Path(), *, train: bool = False) -> Plan:
    """Return the jobs of a suite.

    Args:
        suite: What to run.
        registry: Where names are looked up.
        data: The folder that relative paths of datasets start from.
        train: Train every learned model, except those that name weights of their own or are tuned.

    Raises:
        HnetzooError: If a name, setting, file or set of weights is not accepted, and its entry is not optional.
    """
    _check_titles([entry.title for entry in suite.models])
    _check_titles([entry.title for entry in suite.datasets])
    entrants, broken_models = _usable(suite.models, lambda entry: _entrant(entry, registry, train=train))
    tasks, broken_datasets = _usable(suite.datasets, lambda entry: _task(entry, registry, data))
    skipped = [
        *(Skipped(model=EVERY_MODEL, dataset=title, reason=reason) for title, reason in broken_datasets.items()),
        *(
            Skipped(model=title, dataset=task.title, reason=reason)
            for title, reason in broken_models.items()
            for task in tasks
        ),
    ]
    return replace(plan_jobs(entrants, tasks, suite.seeds, registry, data), skipped=tuple(skipped))


def _usable(entries: Iterable[EntryType], resolve: Callable[[EntryType], Found]) -> tuple[list[Found], dict[str, str]]:
    """Return what entries stand for, and why optional ones cannot be used, by title."""
    found: list[Found] = []
    broken: dict[str, str] = {}
    for entry in entries:
        try:
            found.append(resolve(entry))
        except HnetzooError as error:
            if not entry.optional:
                raise
            broken[entry.title] = " ".join(str(error).split())
            _LOG.warning("skipping '%s': %s", entry.title, broken[entry.title])
    return found, broken


def _task(entry: Entry, registry: Registry, data: Path) -> Task:
    dataset = registry.configure(DatasetSpec, entry.name, entry.settings).in_folder(data)
    return Task(title=entry.title, dataset=dataset, given=hide_folders(type(dataset.config), entry.settings))


def plan_jobs(
    entrants: Iterable[Entrant], tasks: Sequence[Task], seeds: Iterable[int], registry: Registry, data: Path = Path()
) -> Plan:
    """Return the jobs of entrants on tasks, by task, by seed, the baseline first."""
    entrants = sorted(entrants, key=lambda entrant: BASELINE not in entrant.spec.tags)
    sources = Sources(registry)
    jobs = tuple(
        Job(
            index=index,
            entrant=entrant,
            task=task,
            training=_training(task, entrant, registry, data),
            seed=seed,
            plugin=registry.provider(entrant.spec).id,
            code=sources.digests(*entrant.specs, task.dataset.spec),
        )
        for index, (task, seed, entrant) in enumerate(product(tasks, seeds, entrants))
    )
    baseline = next((entrant.title for entrant in entrants if BASELINE in entrant.spec.tags), "")
    return Plan(jobs=jobs, tasks=tuple(tasks), baseline=baseline, plugins=sources.plugins)


def _training(task: Task, entrant: Entrant, registry: Registry, data: Path) -> Task:
    """Return what an entrant is trained on for a task."""
    if not entrant.train_on:
        return task
    if of_splits := sorted(entrant.train_on.keys() & SplitShares.model_fields.keys()):
        raise ConfigError(
            f"'{entrant.title}' would be trained on other splits than those of the test; leave {', '.join(of_splits)} "
            "out of train_on"
        )
    own = resolve_paths(type(task.dataset.config), entrant.train_on, data)
    dataset = registry.configure(DatasetSpec, task.dataset.spec.name, {**task.dataset.given, **own})
    return replace(task, dataset=dataset)


def _entrant(entry: ModelEntry, registry: Registry, *, train: bool) -> Entrant:
    """Return a model of a suite as it enters tasks: to be trained, tuned or as it is."""
    trainable = entry.name in registry.models and NON_LEARNED not in registry.models[entry.name].tags
    if entry.train and not trainable:
        raise ConfigError(f"'{entry.title}' cannot be trained: it names weights or learns nothing; leave out train")
    if entry.train and entry.tune:
        raise ConfigError(f"'{entry.title}' is trained and tuned; choose one")
    to_train = entry.train or (train and trainable and not entry.tune)
    settings = [{**entry.settings, **choice} for choice in entry.choices]
    if entry.init and not to_train:
        raise ConfigError(f"'{entry.title}' is not trained and has an init; add train = true, or leave out init")
    if entry.train_on and not to_train:
        raise ConfigError(f"'{entry.title}' is not trained and has train_on; add train = true, or leave out train_on")
    choices = [
        resolve_start(entry.name, entry.init, registry, values)
        if to_train
        else resolve_model(entry.name, registry, values)
        for values in settings
    ]
    if not entry.features and FEATURES not in choices[0].spec.tags:
        raise ConfigError(f"'{entry.title}' takes no features that could be withheld; leave out features")
    digests = [choice.verify() for choice in choices]  # all equal: choices differ in settings alone
    # Settings of a trainer are checked even where it has nothing to do.
    trainer = registry.configure(TrainerSpec, choices[0].spec.trainer, entry.trainer) if trainable else None
    return Entrant(
        title=entry.title,
        choices=tuple(choices),
        tune_on=entry.tune_on,
        tuned=tuple(", ".join(f"{name}={value}" for name, value in choice.items()) for choice in entry.choices),
        weights=digests[0],
        trainer=trainer if to_train else None,
        train_on=entry.train_on,
        features=entry.features,
    )


def _check_titles(titles: Sequence[str]) -> None:
    for title, count in Counter(titles).items():
        if count > 1:
            raise ConfigError(f"{count} entries of the suite are called '{title}'; give each its label")
