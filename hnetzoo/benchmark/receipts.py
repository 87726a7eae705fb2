"""Jobs in workers: a worker says where the row of a job is, and the command reads it there."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from socket import gethostname
from typing import TYPE_CHECKING

import torch

from hnetzoo.benchmark.jobs import ClaimedError, JobRunner, Options
from hnetzoo.benchmark.plan import Job
from hnetzoo.benchmark.results import BenchmarkRow, Failed, Skipped
from hnetzoo.digests import digest_sources
from hnetzoo.engines.claims import Claims
from hnetzoo.engines.logs import TRAINING, Attempts
from hnetzoo.errors import PluginLoadError
from hnetzoo.registry.provenance import CORE, UNRELATED
from hnetzoo.training.observer import EpochRecord, TrainingStart

if TYPE_CHECKING:
    from torch import Tensor

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a worker returns of a job: plain data, and no row.

    Fields:
        index: Of the job.
        result: Why there is no row; None where there is one, or will be.
        owner: The process that computes the row, where it is another one.
        others: As of `Outcome`.
    """

    index: int
    result: Skipped | Failed | None = None
    owner: str = ""
    key: str = ""
    cached: bool = False
    sha256: str = ""
    problems: int = 0
    last_epoch: EpochRecord | None = None
    stopped: int | None = None

    @classmethod
    def of_claim(cls, job: Job, claimed: ClaimedError) -> "Receipt":
        """Return the receipt of a job whose row another process computes."""
        return cls(
            index=job.index,
            owner=claimed.owner,
            key=claimed.key,
            sha256=claimed.sha256,
            problems=claimed.problems,
        )


class LogObserver:
    """Log a training, for the log of its job."""

    def started(self, start: TrainingStart) -> None:
        """Log what is trained; by this line a worker that takes over knows that there is something to continue."""
        _LOG.info(f"{TRAINING}: %s, %d epochs of %d steps, %d done", start.model, start.epochs, start.steps, start.done)

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Log nothing."""

    def finished_epoch(self, record: EpochRecord) -> None:
        """Log the epoch."""
        loss, f1 = sum(record.losses.values()), record.validation["f1"]
        _LOG.info("epoch %d: loss %.3g, F1 %.4f, best %.4f", record.epoch, loss, f1, record.best_f1)

    def stopped_early(self, record: EpochRecord, patience: int) -> None:
        """Log why no further epoch follows."""
        _LOG.info("stopped after epoch %d: no better F1 in %d epochs", record.epoch, patience)


def run_job(options: Options, job: Job, before: Attempts) -> Receipt:
    """Return the receipt of a job, in a worker.

    A job that a worker began before is continued: its training is resumed, and its row is computed anew only if that
    worker did not come to an end.
    """
    if options.engine.is_shared:
        _check_code(job.code)
    training = options.training
    if before.workers and (before.trained or before.ended or not training.fresh):
        training = replace(training, resume=True, fresh=False)
    chosen = replace(options, training=training, fresh=options.fresh and not before.ended)
    try:
        outcome = _runner(chosen).run(job)
    except ClaimedError as claimed:
        return Receipt.of_claim(job, claimed)
    return Receipt(
        index=job.index,
        result=None if isinstance(outcome.result, BenchmarkRow) else outcome.result,
        key=outcome.key,
        cached=outcome.cached,
        sha256=outcome.sha256,
        problems=outcome.problems,
        last_epoch=outcome.last_epoch,
        stopped=outcome.stopped,
    )


@lru_cache(maxsize=1)
def _runner(options: Options) -> JobRunner:
    torch.set_num_threads(1)
    return JobRunner(options, LogObserver, Claims.beside(options.cache) if options.cache else None)


def _check_code(code: Mapping[str, str]) -> None:
    """Raise PluginLoadError if this machine has other code than the one that the plan was made on."""
    for package, digest in code.items():
        if " " not in package and _digest(package) != digest:
            raise PluginLoadError(
                f"{gethostname()} has another version of {package} than the machine of this command; install the same"
            )


@cache
def _digest(package: str) -> str:
    return digest_sources(package, without=UNRELATED if package == CORE else ())
