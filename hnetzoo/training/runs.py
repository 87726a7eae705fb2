"""The run directory: what a training leaves behind.

run.json            resolved settings, versions, seed, data digests
metrics.jsonl       one line per epoch
best.safetensors    the weights of the best epoch
checkpoints/        resumable state, newest two
result.json         the final test row
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from hnetzoo.errors import CheckpointError, ConfigError
from hnetzoo.files import read_json, remove_partial_file, write_file, write_json

RUN = "run.json"
METRICS = "metrics.jsonl"
BEST = "best.safetensors"
CHECKPOINTS = "checkpoints"
RESULT = "result.json"
SCHEMA = 1
_CIRCUMSTANCES = ("environment", "threads")  # they do not make another training


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The contents of run.json.

    `settings` holds the resolved tables "model", "trainer" and "dataset"; `data` has digests of the splits; `source`
    names what was imported, for runs that were not trained here. A training is the same training as another if all but
    `environment` and `threads` agrees; sums depend on the number of threads, so it is resumed with that of its start.
    """

    model: str
    shape: tuple[int, int]
    settings: Mapping[str, Mapping[str, Any]]
    dataset: str = ""
    trainer: str = ""
    seed: int = 0
    threads: int = 1
    device: str = "cpu"
    resample: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    def differences(self, other: "RunRecord") -> list[str]:
        """Name what makes another record a different training: settings as "trainer.epochs", the rest by field."""
        ours, theirs = (_flatten(record) for record in (self, other))
        return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


class Run(NamedTuple):
    """A run directory that a training may write to, and its record."""

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
    document = read_json(path / RUN)
    try:
        if document.pop("schema") != SCHEMA:
            raise CheckpointError(f"'{path / RUN}' is of another schema than {SCHEMA}; train again with this version")
        return RunRecord(**{**document, "shape": tuple(document["shape"])})
    except (KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"'{path / RUN}' is damaged ({error}); restore it or train again") from None


def write_run(path: Path, record: RunRecord) -> Run:
    """Create a run directory with its record."""
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / RUN, {"schema": SCHEMA, **asdict(record)})
    return Run(path, record)


def open_run(path: Path, record: RunRecord, *, resume: bool = False, fresh: bool = False) -> Run:
    """Return a run directory that is ready for a training.

    Args:
        path: The directory; a missing or empty one is set up.
        record: The training that is about to start.
        resume: Accept a directory that holds the same training, with the record that it was begun with.
        fresh: Delete a training that stands there.

    Raises:
        ConfigError: If the directory holds a training and neither was asked for, holds another one than the one to
            be resumed, or is not empty and no run directory.
    """
    if fresh and resume:
        raise ConfigError("--resume continues a training and --fresh deletes it; choose one")
    for name in (RUN, METRICS, BEST, RESULT):
        remove_partial_file(path / name)
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return write_run(path, record)
    if not (path / RUN).is_file():
        raise ConfigError(f"'{path}' exists and is not a run directory; choose another --out")
    if fresh:
        shutil.rmtree(path)
        return write_run(path, record)
    held = read_run(path)
    differences = record.differences(held)
    what = f"another training ({held.model}; differs in {', '.join(differences)})" if differences else "this training"
    if differences or not resume:
        remedy = "choose another --out" if differences else "continue with --resume"
        raise ConfigError(f"'{path}' already holds {what}; {remedy}, or start over with --fresh")
    return Run(path, held)


def write_metrics(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write metrics.jsonl anew, a line per epoch."""
    write_file(path / METRICS, "".join(json.dumps(line) + "\n" for line in lines).encode())


def _flatten(record: RunRecord) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(asdict(record)))  # tuples compare as lists, as run.json has them
    for name in _CIRCUMSTANCES:
        del fields[name]
    settings = fields.pop("settings")
    return fields | {f"{section}.{key}": value for section, table in settings.items() for key, value in table.items()}
