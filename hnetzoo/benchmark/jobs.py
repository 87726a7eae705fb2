"""Run a job: read its row from the cache, or enter, time and score its model. An error fails that job alone."""

import logging
import os
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import torch

from hnetzoo.benchmark.cache import RowCache
from hnetzoo.benchmark.entrants import Entered, TrainingOptions, enter, outside_scope, recipe, skip_reason
from hnetzoo.benchmark.guard import guarded, guarded_predict
from hnetzoo.benchmark.plan import Job, Task
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkRow, Failed, Scores, Skipped
from hnetzoo.benchmark.scoring import score
from hnetzoo.benchmark.timing import Conditions, time_model
from hnetzoo.benchmark.workers import run_in_workers
from hnetzoo.errors import DataError, HnetzooError, Terminated, one_line
from hnetzoo.files import write_record
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer
from hnetzoo.training.runs import RESULT

_LOG = logging.getLogger(__name__)
KEY_DIGITS = 32  # of the recipe and of the test problems each, in the name of a cached row


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where and how jobs are run: plain data that travels to workers.

    Fields:
        device: Where models run.
        data: The folder that relative paths of datasets start from; errors do not name it.
        cache: Folder of finished rows; None means no cache.
        training: Where and how models are trained.
        fresh: Compute cached rows anew.
        workers: How many jobs run at once, a condition of times.
        strict: Fail jobs whose problems are outside the scope of the weights.
        compiled: Time models as torch.compile compiles them.
    """

    device: str = "cpu"
    data: Path = Path()
    cache: Path | None = None
    training: TrainingOptions = field(default_factory=TrainingOptions)
    fresh: bool = False
    workers: int = 1
    strict: bool = False
    compiled: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a job.

    `cached` says that its row was read from the cache; `sha256` and `problems` (their number) describe the test
    problems, and are empty if the job failed before these were drawn; `last_epoch` is that of a training, and `stopped`
    the epoch after which patience ended it, if it did.
    """

    job: Job
    result: BenchmarkRow | Skipped | Failed
    cached: bool = False
    sha256: str = ""
    problems: int = 0
    last_epoch: EpochRecord | None = None
    stopped: int | None = None


class JobRunner:
    """Run jobs in turn; the problems of the last one are kept, since all models of a task share them."""

    def __init__(self, options: Options, observer: Callable[[], Observer] = NullObserver) -> None:
        self.options, self.observer = options, observer
        self.cache = RowCache(options.cache) if options.cache else None
        self._drawn: tuple[Task, int, Problems | Exception] | None = None

    def run(self, job: Job) -> Outcome:
        """Return the row of a job, why it was skipped, or how it failed; interrupts pass."""
        try:
            return self.outcome(job)
        except (KeyboardInterrupt, Terminated):
            raise
        except BaseException as error:  # SystemExit and the like: a model must not end the program
            _LOG.info("%s, seed %d: %s", job.task.title, job.seed, job.entrant.title, exc_info=True)
            concerns_all = self._drawn is not None and error is self._drawn[2]
            return failure(job, error, self.options, model=EVERY_MODEL if concerns_all else job.entrant.title)

    def outcome(self, job: Job) -> Outcome:
        """Return the row of a job or why it was skipped; raises what the dataset, the model or the trainer raises.

        What `GlobalState` holds is restored.
        """
        with preserved_state():
            return self._outcome(job)

    def assist(self, job: Job) -> None:
        """Take part in the training of a job, whose outcome the first of its processes returns; raises likewise."""
        with preserved_state(), ExitStack() as held:
            enter(job, self._problems_of(job), self.options.training, self.options.device, NullObserver(), held)

    def _outcome(self, job: Job) -> Outcome:
        problems = self._problems_of(job)
        sha256, count = problems.digest("test"), len(problems.split("test").distance)
        reason = skip_reason(job.entrant, problems.shape)
        if reason:
            skipped = Skipped(model=job.entrant.title, dataset=job.task.title, reason=reason)
            return Outcome(job=job, result=skipped, sha256=sha256, problems=count)
        key = f"{recipe(job, problems, self.options.device)[:KEY_DIGITS]}-{sha256[:KEY_DIGITS]}"
        known = self.cache.read(key) if self.cache and not self.options.fresh else None
        conditions = self._conditions(count)
        cached = known is not None and known.timing == conditions.to_json()
        if cached:
            row, entered = known, None
        else:
            with ExitStack() as held:
                row, entered = self._measure(job, problems, conditions, known, held)
        assert row is not None, "known where it is cached"
        if self.cache and not cached:
            self.cache.write(key, row)
        if self.options.strict and row.outside:
            raise DataError(f"outside the scope of the weights: {', '.join(row.outside)}; leave out --strict")
        # Labels are no part of the key: what is called otherwise has not changed.
        row = replace(row, model=job.entrant.title, dataset=job.task.title)
        outcome = Outcome(job=job, result=row, cached=cached, sha256=sha256, problems=count)
        return replace(outcome, last_epoch=entered.last_epoch, stopped=entered.stopped) if entered else outcome

    def _conditions(self, problems: int) -> Conditions:
        options = self.options
        return Conditions.here(problems, options.device, options.workers, compiled=options.compiled)

    def _measure(
        self, job: Job, problems: Problems, conditions: Conditions, known: BenchmarkRow | None, held: ExitStack
    ) -> tuple[BenchmarkRow, Entered]:
        """Return the row of the entered model, scored unless `known` is its row, and how it was entered."""
        title, device = job.entrant.title, self.options.device
        entered = enter(job, problems, self.options.training, device, self.observer(), held)
        test = problems.split("test")
        features = job.entrant.takes_features
        with guarded(title, test, problems.digest("test"), features=features) as batch:
            microseconds = time_model(entered.model, batch, conditions, device)
        if known is None:
            digest = problems.digest("test")
            logits = guarded_predict(title, entered.model, test, digest, device, features=features)
            scores = score(logits, test, label_shares=problems.label_shares, seed=job.seed)
            known = _row(job, entered, scores, outside_scope(entered.scope, problems))
        row = replace(known, microseconds_per_problem=microseconds, timing=conditions.to_json())
        if entered.run and entered.last_epoch and not (entered.run / RESULT).exists():
            last = entered.last_epoch
            best = {"best_epoch": last.best_epoch, "best_f1": last.best_f1, "stopped": entered.stopped}
            drawn = {"sha256": problems.digest("test"), "block": getattr(problems.dataset, "block", 1)}
            write_record(entered.run / RESULT, {**best, "test": asdict(row), **drawn})
        return row, entered

    def _problems_of(self, job: Job) -> Problems:
        """Return the problems of a job; an error in drawing them is raised for every model of the task."""
        if self._drawn is None or self._drawn[:2] != (job.task, job.seed):
            self._drawn = None  # frees the old problems before the new ones are drawn
            self._drawn = job.task, job.seed, _drawn(job.task, job.seed)
        found = self._drawn[2]
        if isinstance(found, Exception):
            raise found
        return found


def run_jobs(
    jobs: Iterable[Job], options: Options, observer: Callable[[], Observer] = NullObserver
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each job as it is done: in this process, or in `options.workers` of them, unobserved."""
    if options.workers == 1:
        yield from map(JobRunner(options, observer).run, jobs)
    else:
        yield from run_in_workers(partial(run_job, options), jobs, options.workers, partial(failure, options=options))


def failure(job: Job, error: BaseException, options: Options, *, model: str = "") -> Outcome:
    """Return the outcome of a job that raised an error; the reason is one line."""
    reason = " ".join(str(error).split()) if isinstance(error, HnetzooError) else one_line(error)
    if options.data.is_absolute():  # a published document names no folder of this machine
        reason = reason.replace(f"{options.data}{os.sep}", "")
    title = model or job.entrant.title
    return Outcome(job=job, result=Failed(model=title, dataset=job.task.title, seed=job.seed, reason=reason))


def run_job(options: Options, job: Job) -> Outcome:
    """Return the outcome of a job, in a worker."""
    return _runner(options).run(job)


@lru_cache(maxsize=1)
def _runner(options: Options) -> JobRunner:
    torch.set_num_threads(1)
    return JobRunner(options)


def _drawn(task: Task, seed: int) -> Problems | Exception:
    try:
        problems = Problems(task, seed)
        problems.split("test")
    except Exception as error:
        return error
    return problems


def _row(job: Job, entered: Entered, scores: Scores, beyond: tuple[str, ...]) -> BenchmarkRow:
    return BenchmarkRow(
        model=job.entrant.title,
        dataset=job.task.title,
        split="test",
        seed=job.seed,
        weights=entered.weights,
        plugin=job.plugin,
        parameters=sum(parameter.numel() for parameter in entered.model.parameters()),
        microseconds_per_problem=0.0,
        outside=beyond,
        **vars(scores),
    )
