"""Run all jobs of a study, here or in several processes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from benchmarks.localizer.jobs import Job, Row, failed, prepare, prepare_matcher, prepare_scenes, run_job
from benchmarks.localizer.settings import Study
from hnetzoo.benchmark.workers import run_in_workers

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_study(
    study: Study, runs: Path, workers: int = 1, *, fresh: bool = False, on_row: Callable[[Row], None] = lambda row: None
) -> list[Row]:
    """Return the rows of all jobs, in the order of the study.

    Args:
        study: What to run.
        runs: Where finished jobs, scenes and matchers are kept.
        workers: Jobs at once; more than one in processes of one thread each.
        fresh: Computes finished jobs anew.
        on_row: Is told of each row as it is made.
    """
    jobs = [
        Job(study=study, criterion=criterion, sources=sources, seed=seed, runs=runs, fresh=fresh)
        for sources, seed, criterion in product(study.sources, study.seeds, study.criteria)
    ]
    for _ in _spread(prepare, [*_preparations(jobs)], workers, lambda step, error: None):
        pass
    rows = []
    for row in _spread(run_job, jobs, workers, failed):
        rows.append(row)
        on_row(row)
    order = {tuple(job.name.values()): index for index, job in enumerate(jobs)}
    return sorted(rows, key=lambda row: order[row["criterion"], row["sources"], row["seed"]])


def _preparations(jobs: Iterable[Job]) -> Iterator[partial[None]]:
    """Name once what several jobs share, so that no two workers make it at the same time; the longest first."""
    matchers = {(job.criterion.matcher, str(job.criterion.settings), job.sources): job for job in jobs}
    yield from (partial(prepare_matcher, job) for job in reversed(matchers.values()))
    yield from (partial(prepare_scenes, job) for job in {(job.sources, job.seed): job for job in jobs}.values())


def _spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    failed: Callable[[Item, BaseException], Result],
) -> Iterable[Result]:
    """Do work on items here, or in several processes."""
    return map(work, items) if workers == 1 else run_in_workers(work, items, workers, failed)
