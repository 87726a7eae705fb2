"""What is compared: run directories and benchmark documents, read alike. A run is a report of one row and more."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import PositiveInt, TypeAdapter, ValidationError

from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, read_row
from hnetzoo.errors import CheckpointError, ConfigError, DataError, HnetzooError
from hnetzoo.files import read_record
from hnetzoo.training.observer import EpochRecord
from hnetzoo.training.runs import RESULT, RUN, RUN_PREFIX, RunRecord, read_epochs, read_run, seed_runs

ACCEPTED = "give run directories (run:PATH) and documents of 'hnetzoo benchmark --json'"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run or a benchmark document.

    Fields:
        label: The end of its path that sets it apart from the other sources.
        path: Where it lies, as given.
        report: Its rows. Of a run it holds the test row, and none before the training has ended.
        run: The record of a run; None of a document.
        epochs: The epochs of a run.
    """

    label: str
    path: Path
    report: BenchmarkReport
    run: RunRecord | None = None
    epochs: tuple[EpochRecord, ...] = ()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that have rows, by label."""
        return tuple(dict.fromkeys(row.model for row in self.report.rows))

    def name(self, model: str) -> str:
        """Return what a model of this source is called; a run has only one, and goes by its own label."""
        return self.label if self.run else f"{model} ({self.label})"

    def digests(self, task: str) -> Mapping[str, str]:
        """Return the sha256 of the test problems of a task by seed, as far as they are known."""
        known: Mapping[str, str] = self.report.tasks.get(task, {}).get("sha256", {})
        return {seed: digest for seed, digest in known.items() if digest}


def read_sources(names: Sequence[str]) -> tuple[Source, ...]:
    """Return what stands at several paths.

    Args:
        names: Paths of run directories, which may start with "run:", and of benchmark documents; the folder of a
            training with several seeds stands for all its run directories.

    Raises:
        ConfigError: If there are fewer than two, one does not exist, or one is given twice.
        CheckpointError: If a run directory is damaged or is none.
        DataError: If a document is damaged or is none. If several are wrong, one error tells all, of the first's class.
    """
    names = [each for name in names for each in _runs(name)]
    if len(names) < 2:
        raise ConfigError(f"{len(names)} given, and at least two are needed; {ACCEPTED}")
    paths = [Path(name.removeprefix(RUN_PREFIX)) for name in names]
    labels = _labels(paths)
    sources: list[Source] = []
    errors: list[HnetzooError] = []
    if missing := [f"'{path}'" for path in paths if not path.exists()]:
        errors.append(ConfigError(f"no file or folder {' and no '.join(missing)}; {ACCEPTED}"))
    for name, path, label in zip(names, paths, labels, strict=True):
        try:
            sources += [_read(name, path, label)] if path.exists() else []
        except HnetzooError as error:
            errors.append(error)
    if errors:
        raise type(errors[0])("; ".join(map(str, errors)))
    return tuple(sources)


def _runs(name: str) -> list[str]:
    """Return the run directories that a name stands for, or the name itself."""
    return [str(path) for path in seed_runs(Path(name.removeprefix(RUN_PREFIX)))] or [name]


def _labels(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of paths, of equally many parts, that differ."""
    whole = [Path(os.path.abspath(path)) for path in paths]
    twice = [str(path) for path, place in zip(paths, whole, strict=True) if whole.count(place) > 1]
    if twice:
        raise ConfigError(f"'{twice[0]}' is given twice; give each once")
    for count in range(1, max(len(path.parts) for path in whole) + 1):
        labels = [str(Path(*path.parts[-count:])) for path in whole]
        if len(set(labels)) == len(labels):
            break
    return labels


def _read(name: str, path: Path, label: str) -> Source:
    if path.is_dir() or name.startswith(RUN_PREFIX):
        return _read_run(path, label)
    if path.name in (RUN, RESULT):
        raise ConfigError(f"'{path}' is a part of a run directory; give the directory, '{RUN_PREFIX}{path.parent}'")
    report = BenchmarkReport.read(path)
    try:
        TypeAdapter(_Described).validate_python({"tasks": report.tasks, "environment": report.environment})
    except ValidationError as error:
        raise DataError(f"'{path}' is not a benchmark document ({_first(error)}); {ACCEPTED}") from None
    _check_shares(path, report.rows)
    return Source(label=label, path=path, report=report)


def _read_run(path: Path, label: str) -> Source:
    record = read_run(path)
    return Source(label=label, path=path, report=_tested(path, record), run=record, epochs=read_epochs(path))


def _tested(path: Path, record: RunRecord) -> BenchmarkReport:
    """Return the report that a run's result.json amounts to, one without rows if there is no such file."""
    if not (path / RESULT).exists():
        return BenchmarkReport(environment=record.environment, rows=())
    document = read_record(path / RESULT)
    try:
        row = read_row(document["test"])
        task = _task(row, record, document)
        TypeAdapter(_Task).validate_python(task)
    except (KeyError, TypeError, ValueError) as error:
        problem = _first(error) if isinstance(error, ValidationError) else error
        raise CheckpointError(f"'{path / RESULT}' is damaged ({problem}); restore it or train again") from None
    _check_shares(path / RESULT, [row])
    return BenchmarkReport(environment=record.environment, rows=(row,), tasks={row.dataset: task})


def _check_shares(path: Path, rows: Sequence[BenchmarkRow]) -> None:
    """Raise DataError if an F1 or share is none, such as NaN, with which no mean can be made."""
    for row in rows:
        if not (0 <= row.f1 <= 1 and 0 <= row.exact <= 1):
            what = f"F1 {row.f1} and exact {row.exact} of {row.model} on {row.dataset}, seed {row.seed}"
            raise DataError(f"'{path}' holds {what}, and both are shares from 0 to 1; restore it or make it again")


def _task(row: BenchmarkRow, record: RunRecord, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the task of a run's test row, as reports describe tasks; `document` is what result.json holds."""
    return {
        "dataset": record.dataset,
        "settings": document.get("settings", record.settings.get("dataset", {})),
        "sha256": {str(row.seed): document.get("sha256", "")},
        "problems": row.problems,
        "block": document.get("block", 1),
        "redrawn": document.get("redrawn", True),
    }


@dataclass
class _Task:
    """What is read of a task in a report."""

    dataset: str = ""
    settings: Mapping[str, Any] | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)
    problems: int = 0
    block: PositiveInt = 1
    redrawn: bool = True


@dataclass
class _Described:
    """What is read of a report beside its rows."""

    tasks: Mapping[str, _Task]
    environment: Mapping[str, Any]


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
