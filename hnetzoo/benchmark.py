"""Models x datasets x seeds -> BenchmarkReport."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from hnetzoo.config import Config, read_toml, validate
from hnetzoo.environment import environment
from hnetzoo.evaluation import ORIGIN_METRIC, Problems, load_problems, score
from hnetzoo.observer import Observer
from hnetzoo.registry import Registry
from hnetzoo.results import BenchmarkReport, BenchmarkRow, Skipped
from hnetzoo.specs import DatasetSpec, ModelSpec
from hnetzoo.training import Job, train
from hnetzoo.zoo import NON_LEARNED, RUN_PREFIX, Component, LoadedModel, configure, resolve_model, specification

BASELINE = "baseline"
DEFAULT_TASK = "benchmark"  # tag of the datasets that are used when none is named
FIXED_SIZE = "fixed-size"


class Entry(Config):
    """A model or dataset of a suite."""

    name: str
    """A registered name; for a model also name@variant or run:PATH."""
    label: str = ""
    """What the reports call it; the name where empty."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Its settings."""


class Suite(Config):
    """What to benchmark: every model on every dataset for every seed; a text stands for an entry's name."""

    models: tuple[Entry | str, ...]
    """Models, in any order; the baseline is put first."""
    datasets: tuple[Entry | str, ...]
    """Datasets, in the order of the report."""
    seeds: tuple[int, ...] = (0,)
    """Seeds of the test splits, and of trainings."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Train learned models on each dataset before evaluating them; finished runs under `runs` are used again."""

    runs: Path
    observer: Callable[[], Observer]


def read_suite(path: Path) -> Suite:
    """Read a suite from a TOML file; raises ConfigError naming what is wrong with it."""
    return validate(Suite, read_toml(path), f"suite '{path}'")


def default_suite(
    registry: Registry,
    models: Iterable[str] = (),
    datasets: Iterable[str] = (),
    seeds: Iterable[int] = (),
    settings: Mapping[str, Any] | None = None,
) -> Suite:
    """Name what to benchmark, filling in what is left out.

    Models default to all solvers and all pretrained weights, datasets to those tagged "benchmark", seeds to 0;
    `settings` are those of every dataset.
    """
    tasks = tuple(datasets) or (name for name, spec in registry.datasets.items() if DEFAULT_TASK in spec.tags)
    return Suite(
        models=tuple(models) or tuple(_ready_models(registry)),
        datasets=tuple(Entry(name=name, settings=settings or {}) for name in tasks),
        seeds=tuple(seeds) or (0,),
    )


def run_benchmark(
    suite: Suite,
    registry: Registry,
    *,
    training: Training | None = None,
    device: str = "cpu",
    on_result: Callable[[BenchmarkRow | Skipped], None] = lambda result: None,
) -> BenchmarkReport:
    """Evaluate every model of a suite on the test split of every dataset, for every seed.

    Args:
        suite: What to run.
        registry: Where names are looked up.
        training: Train learned models first; None evaluates the weights that there are.
        device: Where models run.
        on_result: Is told of each result as it is made.

    Returns:
        The report. A model that cannot take a dataset's problems is listed under `skipped` with the reason.

    Raises:
        HnetzooError: If a name, setting or file is not accepted.
    """
    results: list[BenchmarkRow | Skipped] = []
    entries = [_entry(item) for item in suite.models]
    for result in _results(suite, registry, training, device):
        results.append(result)
        on_result(result)
    return BenchmarkReport(
        environment=environment(),
        rows=tuple(result for result in results if isinstance(result, BenchmarkRow)),
        skipped=tuple(dict.fromkeys(result for result in results if isinstance(result, Skipped))),
        baseline=next((entry.label or entry.name for entry in entries if _is_baseline(entry, registry)), ""),
    )


def _results(
    suite: Suite, registry: Registry, training: Training | None, device: str
) -> Iterator[BenchmarkRow | Skipped]:
    models = sorted(map(_entry, suite.models), key=lambda entry: not _is_baseline(entry, registry))
    for task in map(_entry, suite.datasets):
        component = configure(registry.dataset(task.name), task.settings)
        dataset = component.build()
        for seed in suite.seeds:
            tags = component.spec.tags
            problems = load_problems(
                task.label or task.name, dataset, "test", seed, origin_metric=ORIGIN_METRIC in tags
            )
            for entry in models:
                spec = specification(entry.name, registry)
                if training and NON_LEARNED not in spec.tags:
                    loaded = _trained(entry, spec, component, problems, registry, training, device)
                else:
                    loaded = resolve_model(entry.name, registry, shape=dataset.shape, settings=entry.settings)
                yield _result(entry, loaded, problems, registry, device)


def _result(
    entry: Entry, loaded: LoadedModel, problems: Problems, registry: Registry, device: str
) -> BenchmarkRow | Skipped:
    label, spec = entry.label or entry.name, loaded.component.spec
    if FIXED_SIZE in spec.tags and loaded.shape != tuple(problems.batch.distance.shape[1:]):
        size = " x ".join(map(str, loaded.shape or ()))
        return Skipped(model=label, dataset=problems.dataset, reason=f"n/a (fixed {size})")
    labels = {"model": label, "weights": loaded.weights, "plugin": registry.provider(spec).id}
    return score(loaded.module.to(device), problems, device, **labels)


def _trained(
    entry: Entry,
    spec: ModelSpec,
    dataset: Component[DatasetSpec],
    problems: Problems,
    registry: Registry,
    training: Training,
    device: str,
) -> LoadedModel:
    """Train with the model's own defaults, or take up the finished run of an earlier benchmark."""
    out = training.runs / f"{entry.label or spec.name}-{problems.dataset}-seed{problems.seed}"
    job = Job(
        model=configure(spec, entry.settings),
        dataset=dataset,
        trainer=configure(registry.trainer(spec.trainer)),
        out=out,
        seed=problems.seed,
        device=device,
        resume=True,
        plugin=registry.provider(spec).id,
    )
    train(job, training.observer())
    return resolve_model(f"{RUN_PREFIX}{out}", registry)


def _is_baseline(entry: Entry, registry: Registry) -> bool:
    return BASELINE in specification(entry.name, registry).tags


def _entry(item: Entry | str) -> Entry:
    return Entry(name=item) if isinstance(item, str) else item


def _ready_models(registry: Registry) -> Iterator[str]:
    """Name all solvers, and each set of shipped weights."""
    for name, spec in registry.models.items():
        if NON_LEARNED in spec.tags:
            yield name
        for pretrained in spec.pretrained:
            yield name if pretrained is spec.pretrained[0] else f"{name}@{pretrained.variant}"
