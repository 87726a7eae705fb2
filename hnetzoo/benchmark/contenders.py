"""How each candidate of an advice does on validation and test problems: in this process, or in workers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.benchmark.candidates import Candidate, Role
from hnetzoo.benchmark.entrants import TrainingOptions, enter, skip_reason
from hnetzoo.benchmark.guard import guarded_predict
from hnetzoo.benchmark.plan import Job
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.receipts import LogObserver
from hnetzoo.benchmark.results import Scores
from hnetzoo.benchmark.scoring import f1_score, score
from hnetzoo.engines.choice import Engine
from hnetzoo.engines.dispatch import dispatch
from hnetzoo.engines.logs import Attempts
from hnetzoo.engines.progress import Tell
from hnetzoo.errors import HnetzooError, ModelError, one_line
from hnetzoo.files import read_record, write_record

MOST = {"train": 10_000, "validation": 5_000, "test": 20_000}  # problems used, evenly spread over a larger split
SEEN: tuple[Split, ...] = ("validation", "test")  # by a model when it is considered
FOLDER = "advice"  # of trainings, which are of fewer problems than those of a benchmark


@dataclass(frozen=True, kw_only=True)
class Line:
    """How one candidate did; `settings` are those that were chosen, `training` those of its trainer, if it had one."""

    name: str
    label: str
    role: Role
    settings: str
    training: Mapping[str, Any]
    validation_f1: float
    scores: Scores


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Where candidates are run.

    Fields:
        device: Where models run.
        engine: What runs workers.
        workers: How many at once; 0 means as many as the engine has.
        runs: Keeps trainings and logs; None keeps nothing, and is not for engines of other machines.
    """

    device: str = "cpu"
    engine: Engine = field(default_factory=Engine)
    workers: int = 1
    runs: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A candidate with its job; `index` is its place among the candidates."""

    index: int
    candidate: Candidate
    job: Job

    @property
    def title(self) -> str:
        """What it is called in logs."""
        return self.job.title


class FewerProblems(Problems):
    """Problems of which large splits are thinned out, so that they are in memory."""

    mapped = False

    def _draw(self, split: Split) -> AssociationBatch:
        batch = super()._draw(split)
        count, most = len(batch.distance), MOST[split]
        return batch if count <= most else batch.select(torch.linspace(0, count - 1, most).long())


def consider(
    contenders: Sequence[Contender], problems: Problems, how: Ways, tell: Tell
) -> Iterator[tuple[int, Line | str]]:
    """Yield the index of each contender, and how it did, or why it could not be used.

    Args:
        contenders: On one task.
        problems: Of the task; workers draw them again.
        how: Where they are run.
        tell: Takes lines about the progress of workers.

    Raises:
        HnetzooError: If a solver fails, or the engine cannot be used.
    """
    if how.runs:
        how.runs.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=how.runs, prefix="lines-") as temporary:
        lines = Path(temporary).absolute()
        trainings = how.runs / FOLDER if how.runs else lines
        if how.workers == 1 and not how.engine.is_shared:
            for one in contenders:
                yield one.index, _line(one, problems, trainings, how.device)
            return
        work = partial(_in_worker, lines, trainings, how.device)
        for result in dispatch(work, contenders, how.engine, how.workers, how.runs, _failed, tell):
            yield result.index, _settled(result, lines)


@dataclass(frozen=True)
class _Result:
    """What a worker returns of a contender: why it could not be used, if so, and whether that ends all."""

    index: int
    reason: str = ""
    fatal: bool = False


def _in_worker(lines: Path, trainings: Path, device: str, one: Contender, before: Attempts) -> _Result:
    """Store how a contender did, unless a worker did so before."""
    path = _stored(lines, one.index)
    if before.ended and path.exists():
        return _Result(one.index)
    torch.set_num_threads(1)
    try:
        found = _line(one, FewerProblems(one.job.task, one.job.seed), trainings, device)
    except Exception as error:
        return _failed(one, error)
    if isinstance(found, str):
        return _Result(one.index, found)
    write_record(path, asdict(found))
    return _Result(one.index)


def _failed(one: Contender, error: BaseException) -> _Result:
    return _Result(one.index, _reason(error), fatal=one.candidate.role != "network")


def _settled(result: _Result, lines: Path) -> Line | str:
    """Return the line that a worker stored, or why there is none; raises ModelError if advice needs it."""
    if result.fatal:
        raise ModelError(result.reason)
    if result.reason:
        return result.reason
    record = read_record(_stored(lines, result.index))
    return Line(**{**record, "scores": Scores(**record["scores"])})


def _stored(lines: Path, index: int) -> Path:
    return lines / f"{index}.json"


def _line(one: Contender, problems: Problems, runs: Path, device: str) -> Line | str:
    """Return how a candidate did, or why it could not be used."""
    candidate, job = one.candidate, one.job
    if reason := skip_reason(job.entrant, problems.shape):
        return reason
    try:
        with ExitStack() as held:
            entered = enter(job, problems, TrainingOptions(runs=runs), device, LogObserver(), held)
        answers = {split: _logits(job, entered.model, problems, split, device) for split in SEEN}
    except Exception as error:  # whatever the code of a network raises
        if candidate.role != "network":
            raise
        return _reason(error)
    return Line(
        name=job.entrant.spec.name,
        label=job.entrant.title,
        role=candidate.role,
        settings=entered.weights.partition("tuned: ")[2],
        training=candidate.entry.trainer,
        validation_f1=f1_score(answers["validation"], problems.split("validation")),
        scores=score(answers["test"], problems.split("test")),
    )


def _logits(job: Job, model: torch.nn.Module, problems: Problems, split: Split, device: str) -> torch.Tensor:
    seen, takes = problems.split(split), job.entrant.takes_features
    return guarded_predict(job.entrant.title, model, seen, problems.digest(split), device, features=takes)


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split()) if isinstance(error, HnetzooError) else one_line(error)
