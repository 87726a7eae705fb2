"""The card of a run: what its record, its epochs and its tests say."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow
from hnetzoo.benchmark.significance import f1_interval
from hnetzoo.config import read_values
from hnetzoo.registry.cards import Card
from hnetzoo.registry.command_options import set_values
from hnetzoo.registry.components import Component
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.paths import hide_folders
from hnetzoo.registry.specs import FIXED_SIZE, DatasetSpec, ModelSpec, TrainerSpec
from hnetzoo.training.runs import RUN_PREFIX, RunRecord, last_epoch, read_run


def run_card(
    run: Path,
    spec: ModelSpec,
    report: BenchmarkReport,
    registry: Registry,
    *,
    variant: str,
    licence: str,
    command: str,
    notes: tuple[str, ...] = (),
    most_slots: int | None = None,
) -> Card:
    """Return the card of the best weights of a run.

    Args:
        run: A finished run directory.
        spec: The model that the weights are published under.
        report: The scores of the run on test splits, with outcomes.
        registry: Where the names in the run's record are looked up.
        variant: The name of the weights.
        licence: Of the weights.
        command: That trains such weights, as of `training_command`.
        notes: What users must know.
        most_slots: The scope ends at so many slots a side; None leaves it as trained.

    Raises:
        CheckpointError: If a file of the run is damaged.
    """
    record, last = read_run(run), last_epoch(run)
    low, high = record.scope["slots"]
    return Card(
        model=spec.name,
        variant=variant,
        licence=licence,
        command=command,
        seed=record.seed,
        threads=record.threads,
        device=record.device,
        data={"dataset": record.dataset, **record.data},
        init={**record.init, "weights": start} if (start := _start(record)) else {},
        settings={
            part.spec.kind: hide_folders(type(part.config), record.settings[part.spec.kind])
            for part in _components(record, registry)
        },
        shape=record.shape if FIXED_SIZE in spec.tags else None,
        scope={**record.scope, "slots": [low, min(high, most_slots or high)]},
        selected={"by": "validation F1", "epoch": last.best_epoch, "f1": last.best_f1},
        limits=tuple(sorted(spec.tags)),
        notes=notes,
        sha256=record.weights,
        environment=record.environment,
        tasks=report.tasks,
        test=tuple(
            _scores(replace(row, model=spec.name, weights=f"pretrained:{variant}"), report) for row in report.rows
        ),
    )


def training_command(record: RunRecord, registry: Registry, config: Path | None = None) -> str:
    """Return the command that makes such a run; `config` is the file of settings that it is given, if any."""
    given = read_values(config)
    parts = [
        f"hnetzoo train {record.model} --dataset {record.dataset}",
        *([f"--trainer {record.trainer}"] if record.trainer != registry.model(record.model).trainer else []),
    ]
    if config is not None:
        shown = config.name if config.is_absolute() else str(config)
        parts.append(f"--config {shlex.quote(shown)}")
    for component in _components(record, registry):
        values = set_values(component, given[component.spec.kind])
        parts += [f"--set {shlex.quote(value)}" for value in values]
    parts += [f"--seed {record.seed}", *(["--resample"] if record.resample else [])]
    parts += [f"--init {shlex.quote(start)}"] if (start := _start(record)) else []
    return " ".join(parts)


def _start(record: RunRecord) -> str:
    """Return the weights that a training started from, as --init takes them, without folders; "" for random ones."""
    start = record.init.get("weights", "")
    if start.startswith(RUN_PREFIX):
        return f"{RUN_PREFIX}{Path(start.removeprefix(RUN_PREFIX)).name}"
    return f"{record.model}@{start.removeprefix('pretrained:')}" if start else ""


def _components(record: RunRecord, registry: Registry) -> Iterator[Component[Any]]:
    """Yield the model, the trainer and the dataset of a run."""
    for kind, name in ((ModelSpec, record.model), (TrainerSpec, record.trainer), (DatasetSpec, record.dataset)):
        yield registry.configure(kind, name, record.settings[kind.kind])


def _scores(row: BenchmarkRow, report: BenchmarkReport) -> Mapping[str, Any]:
    """Return a row with the interval of its F1, and without what became of each problem."""
    interval = None
    if row.outcomes and row.problems:
        interval = list(f1_interval(unpack_outcomes(row.outcomes), block=report.tasks[row.dataset]["block"]))
    plain = asdict(row)
    del plain["outcomes"]
    return {**plain, "f1_interval": interval}
