"""Run a job: read its row from the cache, or enter, time and score its model. An error fails that job alone."""

import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from hnetzoo.benchmark.cache import RowCache
from hnetzoo.benchmark.entrants import Entered, TrainingOptions, enter, outside_scope, recipe, skip_reason
from hnetzoo.benchmark.guard import guarded, guarded_predict
from hnetzoo.benchmark.plan import Job, Task
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkRow, Failed, Scores, Skipped
from hnetzoo.benchmark.scoring import score
from hnetzoo.benchmark.timing import Conditions, time_model
from hnetzoo.engines.choice import Engine
from hnetzoo.engines.claims import Claims
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
        workers: How many jobs run at once, a condition of times; 0 means as many as the engine has workers.
        engine: What runs them, where there are several, or where it is not this machine.
        strict: Fail jobs whose problems are outside the scope of the weights.
        compiled: Time models as torch.compile compiles them.
    """

    device: str = "cpu"
    data: Path = Path()
    cache: Path | None = None
    training: TrainingOptions = field(default_factory=TrainingOptions)
    fresh: bool = False
    workers: int = 1
    engine: Engine = field(default_factory=Engine)
    strict: bool = False
    compiled: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a job.

    `cached` says that its row was read from the cache, where it has the name `key`; `sha256` and `problems` (their
    number) describe the test problems, and are empty if the job failed before these were drawn; `last_epoch` is that of
    a training, and `stopped` the epoch after which patience ended it, if it did.
    """

    job: Job
    result: BenchmarkRow | Skipped | Failed
    key: str = ""
    cached: bool = False
    sha256: str = ""
    problems: int = 0
    last_epoch: EpochRecord | None = None
    stopped: int | None = None


class ClaimedError(Exception):
    """A row is being computed by another process, the `owner`; the other fields are as of `Outcome`."""

    def __init__(self, owner: str, key: str, sha256: str, problems: int) -> None:
        super().__init__(f"{owner} computes it")
        self.owner, self.key, self.sha256, self.problems = owner, key, sha256, problems


class JobRunner:
    """Run jobs in turn; the problems of the last one are kept, since all models of a task share them.

    Args:
        options: Where and how.
        observer: Returns an observer for a training.
        claims: By which processes that share the cache compute each row once; None claims nothing.
    """

    def __init__(
        self, options: Options, observer: Callable[[], Observer] = NullObserver, claims: Claims | None = None
    ) -> None:
        self.options, self.observer, self.claims = options, observer, claims
        self.cache = RowCache(options.cache) if options.cache else None
        self._drawn: tuple[Task, int, Problems | Exception] | None = None

    def run(self, job: Job) -> Outcome:
        """Return the row of a job, why it was skipped, or how it failed; interrupts pass.

        Raises:
            ClaimedError: If another process computes its row.
        """
        try:
            return self.outcome(job)
        except (KeyboardInterrupt, Terminated, ClaimedError):
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
        conditions = self._conditions(count)
        entered = None
        if not (cached := self._suffices(known := self._known(key), conditions)):
            with ExitStack() as held:
                if self.claims and self.cache:
                    if owner := held.enter_context(self.claims.claim(key)):
                        raise ClaimedError(owner, key, sha256, count)
                    known = self._known(key)  # another process may have computed it before this one claimed it
                if not (cached := self._suffices(known, conditions)):
                    known, entered = self._measure(job, problems, conditions, known, held)
                    if self.cache:
                        self.cache.write(key, known)
        assert known is not None, "it suffices, or was measured"
        row = told_row(job, known, self.options)
        outcome = Outcome(job=job, result=row, key=key, cached=cached, sha256=sha256, problems=count)
        return replace(outcome, last_epoch=entered.last_epoch, stopped=entered.stopped) if entered else outcome

    def _conditions(self, problems: int) -> Conditions:
        options = self.options
        return Conditions.here(problems, options.device, options.workers, compiled=options.compiled)

    def _known(self, key: str) -> BenchmarkRow | None:
        return self.cache.read(key) if self.cache and not self.options.fresh else None

    def _suffices(self, row: BenchmarkRow | None, conditions: Conditions) -> bool:
        """Return whether a row needs no new time; on a cluster, times are of whichever machine took them."""
        return row is not None and (self.options.engine.is_shared or row.timing == conditions.to_json())

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
            together = {"block": getattr(problems.dataset, "block", 1), "redrawn": problems.synthetic}
            drawn = {"sha256": problems.digest("test"), "settings": job.task.dataset.settings, **together}
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


def told_row(job: Job, row: BenchmarkRow, options: Options) -> BenchmarkRow:
    """Return the row of a job as it is reported; raises DataError if it is outside its scope and must not be."""
    if options.strict and row.outside:
        raise DataError(f"outside the scope of the weights: {', '.join(row.outside)}; leave out --strict")
    # Labels are no part of the key: what is called otherwise has not changed.
    return replace(row, model=job.entrant.title, dataset=job.task.title)


def failure(job: Job, error: BaseException, options: Options, *, model: str = "") -> Outcome:
    """Return the outcome of a job that raised an error; the reason is one line."""
    reason = " ".join(str(error).split()) if isinstance(error, HnetzooError) else one_line(error)
    if options.data.is_absolute():  # a published document names no folder of this machine
        reason = reason.replace(f"{options.data}{os.sep}", "")
    title = model or job.entrant.title
    return Outcome(job=job, result=Failed(model=title, dataset=job.task.title, seed=job.seed, reason=reason))


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
