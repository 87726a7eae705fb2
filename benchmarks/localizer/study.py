"""Run all jobs of a study, in this process or in workers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import TypeVar

from benchmarks.localizer.jobs import Job, Row, failed, prepare, prepare_matcher, prepare_scenes, run_job
from benchmarks.localizer.settings import Study
from hnetzoo.engines.workers import run_in_workers

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_study(
    study: Study, runs: Path, workers: int = 1, *, fresh: bool = False, on_row: Callable[[Row], None] = lambda row: None
) -> list[Row]:
    """Return the rows of all jobs, in the order of the study.

    Args:
        study: Settings of the study.
        runs: Folder in which finished jobs, scenes and matchers are cached.
        workers: Number of jobs at a time; if more than one, each is in a process of one thread.
        fresh: Whether to compute finished jobs again.
        on_row: Called with each row when it is finished.
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
    """Yield once each step that several jobs share, so that no two workers take it at the same time; longest first."""
    matchers = {(job.criterion.matcher, str(job.criterion.settings), job.sources): job for job in jobs}
    yield from (partial(prepare_matcher, job) for job in reversed(matchers.values()))
    yield from (partial(prepare_scenes, job) for job in {(job.sources, job.seed): job for job in jobs}.values())


def _spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    failed: Callable[[Item, BaseException], Result],
) -> Iterable[Result]:
    """Return the results of work on items, in this process or in workers."""
    return map(work, items) if workers == 1 else run_in_workers(work, items, workers, failed)
