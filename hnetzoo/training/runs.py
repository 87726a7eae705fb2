"""The run directory, which holds the files of a training.

run.json            resolved settings, versions, seed, data digests
metrics.jsonl       one line per epoch
best.safetensors    the weights of the best epoch
checkpoints/        newest two checkpoints
result.json         the final test row
.lock               held by the owner of the directory
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ConfigDict, NonNegativeInt, PositiveInt, TypeAdapter, ValidationError

from hnetzoo.errors import CheckpointError, ConfigError
from hnetzoo.files import (
    LARGEST_DOCUMENT,
    is_partial_file,
    read_file,
    read_record,
    reason,
    write_file,
    write_record,
)
from hnetzoo.training.observer import EpochRecord

RUN = "run.json"
METRICS = "metrics.jsonl"
BEST = "best.safetensors"
CHECKPOINTS = "checkpoints"
RESULT = "result.json"
LOCK = ".lock"
SEED_PREFIX = "seed-"  # of the run directories of several seeds, in one folder
RUN_PREFIX = "run:"  # of the path of a run directory, where a model is named
SCHEMA = 1
EPOCHS = "trainer.epochs"
PATIENCE = "trainer.patience"
EXECUTION = ("processes", "threads", "compiled")  # how a training is computed, which may change when it is resumed
CIRCUMSTANCES = ("environment", *EXECUTION, "scope", "weights", "stopped")
"""Fields of a record that do not make it another training."""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The contents of run.json.

    `settings` holds the resolved tables "model", "trainer" and "dataset"; `data` holds digests of the splits; `init`
    names the weights that the training starts from; `scope` says what its problems are like; `source` names the
    imported file of a run that was not trained here; `weights` is the sha256 of best.safetensors, "" until the
    training has ended; `stopped` is the epoch after which its patience ended it, if it did; `precision` is what the
    model computes with in training, and `compiled` whether torch.compile compiles it. Two trainings are the same if all
    fields but `CIRCUMSTANCES` are equal. Sums depend on the numbers of processes and threads, so a training that is
    resumed with as many processes gets the threads that it started with.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    model: str
    shape: tuple[PositiveInt, PositiveInt]
    settings: Mapping[str, Mapping[str, Any]]
    dataset: str = ""
    trainer: str = ""
    seed: NonNegativeInt = 0
    threads: PositiveInt = 1
    processes: PositiveInt = 1
    compiled: bool = False
    precision: str = "float32"
    device: str = "cpu"
    resample: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    init: Mapping[str, str] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""
    stopped: PositiveInt | None = None

    @property
    def epochs(self) -> int:
        """The number of epochs; 0 for a run that was not trained here."""
        epochs: int = self.settings.get("trainer", {}).get("epochs", 0)
        return epochs

    @property
    def patience(self) -> float:
        """The number of epochs without a better F1 that end the training; infinite if none do."""
        patience: int | None = self.settings.get("trainer", {}).get("patience")
        return inf if patience is None else patience

    def differences(self, other: "RunRecord") -> list[str]:
        """Return what makes another record a different training: settings as "trainer.epochs", others by field."""
        ours, theirs = (_flatten(record) for record in (self, other))
        return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


class Run(NamedTuple):
    """A run directory and its record."""

    path: Path
    record: RunRecord


def read_run(path: Path) -> RunRecord:
    """Return a run directory's record.

    Raises:
        CheckpointError: If the path is not a run directory or its record is damaged.
    """
    if not (path / RUN).is_file():
        raise CheckpointError(
            f"'{path}' is not a run directory (no {RUN} in it); give the --out of a training or import"
        )
    document = read_record(path / RUN)
    if document.pop("schema", None) != SCHEMA:
        raise CheckpointError(f"'{path / RUN}' is of another schema than {SCHEMA}; train again with this version")
    try:
        record = TypeAdapter(RunRecord).validate_json(json.dumps(document))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, problem["loc"]))
        raise CheckpointError(
            f"'{path / RUN}' is damaged ({place}: {problem['msg']}); restore it or train again"
        ) from None
    trainer = record.settings.get("trainer", {})
    for name, value in ((EPOCHS, trainer.get("epochs", 0)), (PATIENCE, trainer.get("patience") or 0)):
        if not isinstance(value, int):
            raise CheckpointError(f"'{path / RUN}' is damaged ({name}: {value!r}); restore it or train again")
    return record


def write_run(path: Path, record: RunRecord) -> Run:
    """Return a new run directory with its record."""
    path.mkdir(parents=True, exist_ok=True)
    write_record(path / RUN, {"schema": SCHEMA, **asdict(record)})
    return Run(path, record)


def open_run(path: Path, record: RunRecord, *, resume: bool = False, fresh: bool = False) -> Run:
    """Return a run directory for a new or resumed training; partial files of a killed write are removed.

    Args:
        path: The directory; it is created if missing, and may be empty.
        record: The training to start or resume.
        resume: Accept a directory that holds the same training, or one of fewer epochs or less patience; the stored
            record is returned, with the new settings.
        fresh: Delete a training in the directory.

    Raises:
        ConfigError: If the directory holds a training and neither `resume` nor `fresh` is True, if it holds another
            training than the one to resume, if it is neither empty nor a run directory, or if both are True.
    """
    if fresh and resume:
        raise ConfigError("--resume continues a training and --fresh deletes it; choose one")
    holds = check_run_directory(path)
    for partial in filter(_is_partial, list(path.glob(".*.tmp"))):
        partial.unlink(missing_ok=True)
    if not holds:
        return write_run(path, record)
    if not fresh:
        return _resumed(path, record, resume=resume)
    _clear(path)
    return write_run(path, record)


def check_run_directory(path: Path) -> bool:
    """Return whether a path holds a training; nothing is changed, since another process may train there.

    Raises:
        ConfigError: If the path is neither missing, an empty directory nor a run directory.
    """
    entries = [path] if path.exists() else []
    if path.is_dir():
        entries = [entry for entry in path.iterdir() if entry.name != LOCK and not _is_partial(entry)]
    if (path / RUN).is_file():
        return True
    if entries:
        raise ConfigError(f"'{path}' exists and is not a run directory; choose another --out")
    return False


def _is_partial(path: Path) -> bool:
    return any(is_partial_file(path, name) for name in (RUN, METRICS, BEST, RESULT))


def finish_run(run: Run, *, stopped: int | None = None) -> Run:
    """Return a run with the digest of its best weights in its record, which says that the training has ended.

    `stopped` is the epoch after which patience ended it, if it did.
    """
    return write_run(run.path, replace(run.record, weights=_sha256(run.path / BEST), stopped=stopped))


def _resumed(path: Path, record: RunRecord, *, resume: bool) -> Run:
    held = read_run(path)
    differences = record.differences(held)
    longer = record.epochs >= held.epochs and record.patience >= held.patience
    if resume and differences and longer and {EPOCHS, PATIENCE}.issuperset(differences):
        (path / RESULT).unlink(missing_ok=True)
        return write_run(path, replace(_executed_as(record, held), settings=record.settings, weights="", stopped=None))
    what = f"another training ({held.model}; differs in {', '.join(differences)})" if differences else "this training"
    if differences or not resume:
        remedy = "choose another --out" if differences else "continue with --resume"
        raise ConfigError(f"'{path}' already holds {what}; {remedy}, or start over with --fresh")
    executed = _executed_as(record, held)
    return Run(path, held) if held.weights or executed == held else write_run(path, executed)


def _executed_as(record: RunRecord, held: RunRecord) -> RunRecord:
    """Return the record of a run that is resumed as another says; with its threads, if the processes are as many."""
    changed = {name: getattr(record, name) for name in EXECUTION}
    return replace(held, **changed | ({"threads": held.threads} if record.processes == held.processes else {}))


def seed_runs(folder: Path) -> list[Path]:
    """Return the run directories of a training with several seeds, by seed; none if the folder is of another kind."""
    if (folder / RUN).exists():
        return []
    found = {path.parent.name.removeprefix(SEED_PREFIX): path.parent for path in folder.glob(f"{SEED_PREFIX}*/{RUN}")}
    return [found[seed] for seed in sorted(filter(str.isdecimal, found), key=int)]


def write_metrics(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Replace metrics.jsonl, one line per epoch."""
    write_file(path / METRICS, "".join(json.dumps(line) + "\n" for line in lines).encode())


def last_epoch(path: Path) -> EpochRecord:
    """Return the last line of metrics.jsonl; raises CheckpointError if the file is missing, empty or damaged."""
    return _read_metrics(path, slice(-1, None))[0]


def read_metrics(path: Path) -> list[EpochRecord]:
    """Return all lines of metrics.jsonl, at least one; raises as `last_epoch` does."""
    return _read_metrics(path, slice(None))


def _read_metrics(path: Path, lines: slice) -> list[EpochRecord]:
    try:
        chosen = read_file(path / METRICS, LARGEST_DOCUMENT).splitlines()[lines]
        if not chosen:
            raise ValueError("it is empty")
        return [EpochRecord(**json.loads(line)) for line in chosen]
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"cannot read '{path / METRICS}' ({reason(error)}); restore it or start over with --fresh"
        ) from None


def read_epochs(path: Path) -> tuple[EpochRecord, ...]:
    """Return the lines of metrics.jsonl, none if there is no such file; raises CheckpointError if it is damaged."""
    try:
        lines = read_file(path / METRICS, LARGEST_DOCUMENT).splitlines()
        epochs = tuple(map(TypeAdapter(EpochRecord).validate_json, lines))
        if not all(isinstance(epoch.validation["f1"], float | int) for epoch in epochs):
            raise ValueError("an F1 is no number")
        if not all(isinstance(value, float | int) for epoch in epochs for value in epoch.own_metrics.values()):
            raise ValueError("a metric is no number")
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError) as error:
        problem = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else reason(error)
        raise CheckpointError(f"cannot read '{path / METRICS}' ({problem}); restore it or train again") from None
    return epochs


def _clear(path: Path) -> None:
    """Delete a training but its record, so that what an interrupt leaves is still a run directory."""
    for entry in path.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name not in (RUN, LOCK):
            entry.unlink()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _flatten(record: RunRecord) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(asdict(record)))  # tuples compare as lists, as run.json has them
    for name in CIRCUMSTANCES:
        del fields[name]
    settings = fields.pop("settings")
    return fields | {f"{section}.{key}": value for section, table in settings.items() for key, value in table.items()}
