"""Run the jobs of a plan: in this process, in others, or on a cluster, and beside other commands on the same folder.

Rows that another command computes at the moment are waited for; those whose owner died are computed here.
"""

import logging
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from hnetzoo.benchmark.cache import RowCache
from hnetzoo.benchmark.jobs import ClaimedError, JobRunner, Options, Outcome, failure, told_row
from hnetzoo.benchmark.plan import Job
from hnetzoo.benchmark.receipts import Receipt, run_job
from hnetzoo.benchmark.results import BenchmarkRow, Failed, read_row
from hnetzoo.engines.claims import Claims
from hnetzoo.engines.dispatch import UNSHARED, dispatch
from hnetzoo.engines.progress import Tell
from hnetzoo.errors import CheckpointError, ConfigError, DataError, HnetzooError
from hnetzoo.files import read_record
from hnetzoo.training.observer import NullObserver, Observer
from hnetzoo.training.runs import RESULT

_LOG = logging.getLogger(__name__)
POLL_S = 0.5
VISIBLE_S = 90.0  # that network file systems may take to show the files of another machine

Found = Outcome | Receipt


def run_jobs(
    jobs: Iterable[Job],
    options: Options,
    observer: Callable[[], Observer] = NullObserver,
    tell: Tell = lambda line: None,
) -> Generator[Outcome, None, None]:
    """Yield the outcome of each job as it is done.

    Args:
        jobs: Of one plan.
        options: Several workers, or an engine of other machines, run them unobserved, with one thread each.
        observer: Returns an observer for a training in this process.
        tell: Takes lines about the progress of workers.

    Raises:
        ConfigError: If the engine cannot be used, or has no folder that its machines share.
    """
    with ExitStack() as held:
        if options.workers != 1 or options.engine.is_shared or options.training.by_seed:
            options = _with_cache(options, held)
            left = list(jobs)
            yield from _Rounds(options).run(left, lambda some: _dispatched(some, options, tell))
        else:
            yield from _Rounds(options).run(list(jobs), lambda some: _in_turn(some, options, observer))


def _with_cache(options: Options, held: ExitStack) -> Options:
    """Return options with a folder that workers keep rows in, a temporary one if none was given."""
    if options.cache or options.training.by_seed:
        return options
    if options.engine.is_shared:
        raise ConfigError(UNSHARED)
    return replace(options, cache=Path(held.enter_context(TemporaryDirectory())) / "rows")


def _in_turn(jobs: Sequence[Job], options: Options, observer: Callable[[], Observer]) -> Iterator[Found]:
    runner = JobRunner(options, observer, Claims.beside(options.cache) if options.cache else None)
    for job in jobs:
        try:
            yield runner.run(job)
        except ClaimedError as claimed:
            yield Receipt.of_claim(job, claimed)


def _dispatched(jobs: Sequence[Job], options: Options, tell: Tell) -> Iterator[Receipt]:
    """Yield what workers return of jobs."""
    kept = options.training.out if options.training.by_seed else options.training.runs

    def failed(job: Job, error: BaseException) -> Receipt:
        result = failure(job, error, options).result
        assert isinstance(result, Failed), "of an error"
        return Receipt(index=job.index, result=result)

    yield from dispatch(partial(run_job, options), jobs, options.engine, options.workers, kept, failed, tell)


class _Rounds:
    """Rounds over jobs: those whose rows are claimed elsewhere are waited for, and tried again if nobody has them."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.cache = RowCache(options.cache) if options.cache else None
        self.claims = Claims.beside(options.cache) if options.cache else None
        self.told: set[str] = set()

    def run(self, jobs: Sequence[Job], attempt: Callable[[Sequence[Job]], Iterable[Found]]) -> Iterator[Outcome]:
        """Yield the outcome of each job; `attempt` yields those of some of them, or receipts."""
        by_index = {job.index: job for job in jobs}
        left, claimed = jobs, dict[int, Receipt]()
        while left or claimed:
            for found in attempt(left) if left else ():
                if isinstance(found, Receipt) and found.owner:
                    claimed[found.index] = found
                else:
                    yield found if isinstance(found, Outcome) else self._outcome(by_index[found.index], found)
            left = yield from self._waited(by_index, claimed)

    def _waited(self, jobs: dict[int, Job], claimed: dict[int, Receipt]) -> Generator[Outcome, None, list[Job]]:
        """Yield rows as others finish them; return the jobs that nobody works on any more, as soon as there are some.

        What is yielded or returned leaves `claimed`.
        """
        while claimed:
            abandoned = []
            for index, receipt in list(claimed.items()):
                if owner := self.claims.owner(receipt.key) if self.claims else "":
                    self._tell(owner, jobs[index])
                    continue
                del claimed[index]
                # An owner stores the row before it ends its claim; one that was there before is not fresh.
                if self.cache and self.cache.path(receipt.key).exists() and not self.options.fresh:
                    yield self._outcome(jobs[index], replace(receipt, owner="", cached=True))
                else:
                    abandoned.append(jobs[index])
            if abandoned:
                return abandoned
            time.sleep(POLL_S if claimed else 0)
        return []

    def _tell(self, owner: str, job: Job) -> None:
        if owner not in self.told:
            self.told.add(owner)
            _LOG.warning("waiting for %s, which computes '%s'", owner, job.title)

    def _outcome(self, job: Job, receipt: Receipt) -> Outcome:
        """Return the outcome of a job, with its row read from where a worker stored it."""
        try:
            result = receipt.result or told_row(job, self._row(job, receipt), self.options)
        except HnetzooError as error:
            return failure(job, error, self.options)
        return Outcome(
            job=job,
            result=result,
            key=receipt.key,
            cached=receipt.cached,
            sha256=receipt.sha256,
            problems=receipt.problems,
            last_epoch=receipt.last_epoch,
            stopped=receipt.stopped,
        )

    def _row(self, job: Job, receipt: Receipt) -> BenchmarkRow:
        """Return the row that a receipt is of; raises DataError if it does not show up."""
        path = self.cache.path(receipt.key) if self.cache else self._directory(job) / RESULT
        began = time.monotonic()
        while not path.exists():
            if time.monotonic() - began > VISIBLE_S:
                raise DataError(f"a worker stored '{path}', and it is not there; give a folder that all machines share")
            time.sleep(POLL_S)
        if self.cache:
            row = self.cache.read(receipt.key)
            if row is None:
                raise CheckpointError(f"'{path}' is damaged; run the same command again")
            return row
        return read_row(read_record(path)["test"])

    def _directory(self, job: Job) -> Path:
        directory = self.options.training.directory(job.seed)
        assert directory is not None, "without a cache, each seed has its own"
        return directory
