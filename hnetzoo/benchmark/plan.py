"""A suite resolved: all names looked up, settings checked, weights read and source code digested, before anything runs.

A plan is plain data. What runs its jobs, in this process or in a worker, looks nothing up again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite
from hnetzoo.config import TrainerConfig
from hnetzoo.digests import digest_sources, digest_tensors
from hnetzoo.environment import versions
from hnetzoo.errors import ConfigError, HnetzooError, PluginLoadError
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.loading import ResolvedModel, resolve_model
from hnetzoo.registry.lookup import Plugin, Registry
from hnetzoo.registry.paths import hide_folders, resolve_paths
from hnetzoo.registry.provenance import origin
from hnetzoo.registry.specs import BASELINE, NON_LEARNED, DatasetSpec, ModelSpec, Spec, TrainerSpec
from hnetzoo.training.determinism import preserved_state

CORE = "hnetzoo"
WITHOUT_BEARING = ("cli", "legacy", "report", "testing")  # packages of the core that can change no number

Code = Mapping[str, str]
"""Digests of the packages that numbers depend on, and versions of libraries, by name."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A dataset with settings; `given` are the settings as the suite names them, without folders of this machine."""

    title: str
    dataset: Component[DatasetSpec]
    given: Mapping[str, Any] = field(default_factory=dict)
    code: Code = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A model as it enters a task.

    Fields:
        title: What the reports call it.
        choices: The model; several, of different settings, where the validation split chooses.
        tuned: What each choice sets, as "gate=0.3"; "" where nothing is tuned.
        weights: Digest of the weights; "none" for solvers, and for a model that is trained first.
        trainer: What trains it on the task; None if it is evaluated as it is.
        plugin: Who provides it, "distribution:entrypoint".
        code: What its numbers depend on beside its settings.
    """

    title: str
    choices: tuple[ResolvedModel, ...]
    tuned: tuple[str, ...] = ("",)
    weights: str = "none"
    trainer: Component[TrainerSpec] | None = None
    plugin: str = ""
    code: Code = field(default_factory=dict)

    @property
    def spec(self) -> ModelSpec:
        """The declaration of the model."""
        return self.choices[0].spec


@dataclass(frozen=True, kw_only=True)
class Job:
    """One entrant on one task with one seed; `index` is its place in the report."""

    index: int
    entrant: Entrant
    task: Task
    seed: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a suite comes to.

    Fields:
        jobs: By task, by seed, by model.
        tasks: In the order of the suite.
        baseline: Title of the model that others are held against; "" if there is none.
        plugins: Version and origin of every plugin involved, by "distribution:entrypoint".
    """

    jobs: tuple[Job, ...]
    tasks: tuple[Task, ...]
    baseline: str = ""
    plugins: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def plan(suite: Suite, registry: Registry, data: Path = Path(), *, train: bool = False) -> Plan:
    """Return the jobs of a suite.

    Args:
        suite: What to run.
        registry: Where names are looked up.
        data: The folder that relative paths of datasets are seen from.
        train: Train every learned model, but those that name weights of their own or are tuned.

    Raises:
        HnetzooError: If a name, setting, file or set of weights is not accepted.
    """
    _check_titles([entry.title for entry in suite.models])
    _check_titles([entry.title for entry in suite.datasets])
    planner = Planner(registry)
    entrants = [planner.entrant(entry, train=train) for entry in suite.models]
    tasks = [planner.task(entry, data) for entry in suite.datasets]
    baseline = next((entrant.title for entrant in entrants if BASELINE in entrant.spec.tags), "")
    entrants.sort(key=lambda entrant: BASELINE not in entrant.spec.tags)
    combinations = enumerate(product(tasks, suite.seeds, entrants))
    return Plan(
        jobs=tuple(Job(index=i, entrant=entrant, task=task, seed=seed) for i, (task, seed, entrant) in combinations),
        tasks=tuple(tasks),
        baseline=baseline,
        plugins={plugin.id: _provenance(plugin) for plugin in planner.plugins},
    )


class Planner:
    """Resolve entrants and tasks; `plugins` are those that were involved so far."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.plugins: list[Plugin] = []
        self._digests = {CORE: digest_sources(CORE, without=WITHOUT_BEARING)}

    def entrant(self, entry: ModelEntry, *, train: bool = False) -> Entrant:
        """Return a model of a suite as it enters tasks, to be trained, tuned or as it is."""
        trainable = entry.name in self.registry.models and NON_LEARNED not in self.registry.models[entry.name].tags
        if entry.train and not trainable:
            raise ConfigError(f"'{entry.title}' cannot be trained: it names weights or learns nothing; leave out train")
        if entry.train and entry.tune:
            raise ConfigError(f"'{entry.title}' is trained and tuned; choose one")
        if not trainable:
            return self._as_it_is(entry)
        spec = self.registry.model(entry.name)
        trainer = configure(self.registry.trainer(spec.trainer), entry.trainer)  # refuses wrong settings in any case
        if entry.train or (train and not entry.tune):
            return self.to_train(entry.title, configure(spec, entry.settings), trainer)
        return self._as_it_is(entry)

    def to_train(self, title: str, model: Component[ModelSpec], trainer: Component[TrainerSpec]) -> Entrant:
        """Return a model that is trained on each task first; raises PluginLoadError for a trainer without epochs."""
        if not isinstance(trainer.config, TrainerConfig):
            raise PluginLoadError(
                f"trainer '{trainer.spec.name}': its settings are not a subclass of hnetzoo.TrainerConfig"
            )
        return Entrant(
            title=title,
            choices=(ResolvedModel(component=model),),
            trainer=trainer,
            plugin=self.registry.provider(model.spec).id,
            code=self._code(model.spec, trainer.spec),
        )

    def task(self, entry: Entry, data: Path = Path()) -> Task:
        """Return a dataset of a suite, its relative paths seen from a folder."""
        spec = self.registry.dataset(entry.name)
        configure(spec, entry.settings)  # unknown names and wrong types come before missing files
        config_class = spec.load_config()
        dataset = configure(spec, resolve_paths(config_class, entry.settings, data))
        return self.task_of(dataset, entry.title, hide_folders(config_class, entry.settings))

    def task_of(self, dataset: Component[DatasetSpec], title: str, given: Mapping[str, Any] | None = None) -> Task:
        """Return a dataset with settings as a task."""
        return Task(title=title, dataset=dataset, given=given or {}, code=self._code(dataset.spec))

    def _as_it_is(self, entry: ModelEntry) -> Entrant:
        settings = [{**entry.settings, **choice} for choice in entry.choices]
        choices = tuple(resolve_model(entry.name, self.registry, values) for values in settings)
        for choice in choices:
            _check_weights(choice)
        spec, weights = choices[0].spec, choices[0].weights
        return Entrant(
            title=entry.title,
            choices=choices,
            tuned=tuple(", ".join(f"{name}={value}" for name, value in choice.items()) for choice in entry.choices),
            weights="none" if weights is None else digest_tensors(weights.load()),
            plugin=self.registry.provider(spec).id,
            code=self._code(spec),
        )

    def _code(self, *specs: Spec) -> Code:
        """Return what the numbers of these depend on, and remember who provides them."""
        providers = [self.registry.provider(spec) for spec in specs]
        self.plugins += [plugin for plugin in providers if plugin not in self.plugins]
        targets = [plugin.target for plugin in providers]
        targets += [target for spec in specs for target in (spec.target, spec.config)]
        for package in {target.partition(":")[0].partition(".")[0] for target in targets} - self._digests.keys():
            self._digests[package] = digest_sources(package)
        packages = {CORE, *(target.partition(":")[0].partition(".")[0] for target in targets)}
        return {package: self._digests[package] for package in sorted(packages)} | {
            f"version of {name}": number for name, number in versions().items()
        }


def _check_titles(titles: Sequence[str]) -> None:
    for title in titles:
        if titles.count(title) > 1:
            raise ConfigError(f"{titles.count(title)} entries of the suite are called '{title}'; give each its label")


def _check_weights(model: ResolvedModel) -> None:
    """Raise HnetzooError unless there are weights and they fit."""
    try:
        with preserved_state():
            model.load()
    except HnetzooError:
        raise
    except Exception:  # the model's own fault: it fails its jobs and no others
        return


def _provenance(plugin: Plugin) -> dict[str, str]:
    return {"version": plugin.version, "origin": origin(plugin.distribution)}
