"""Run all jobs of a study, in this process or in workers: first the trials of the tuning, then the reported seeds."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from typing import TypeVar

from benchmarks.localizer.jobs import (
    Job,
    Row,
    failed,
    prepare,
    prepare_matcher,
    prepare_scenes,
    run_job,
    same_bits,
)
from benchmarks.localizer.settings import CriterionEntry, ScenarioEntry, Study
from benchmarks.localizer.tuning import best_trial, trials
from hnetzoo.engines.workers import run_in_workers
from hnetzoo.errors import HnetzooError

Item = TypeVar("Item")
Result = TypeVar("Result")
OnRow = Callable[[Row], None]


@dataclass(frozen=True, kw_only=True)
class StudyRows:
    """Rows of a study, in its order: those of the tuning, and those that are reported."""

    tuning: list[Row]
    rows: list[Row]


def run_study(
    study: Study, runs: Path, workers: int = 1, *, fresh: bool = False, on_row: OnRow = lambda row: None
) -> StudyRows:
    """Return the rows of all jobs.

    Args:
        study: Settings of the study.
        runs: Folder in which finished jobs, scenes and matchers are cached.
        workers: Number of jobs at a time; if more than one, each is in a process of one thread.
        fresh: Whether to compute finished jobs again.
        on_row: Called with each row when it is finished.
    """
    tried = _run(_tuning_jobs(study, runs, fresh), workers, on_row)
    jobs, lost = _reported_jobs(study, tried, runs, fresh)
    for row in lost:
        on_row(row)
    cells = product(study.scenarios, study.seeds, study.criteria)
    order = {(scenario.label, seed, entry.label): place for place, (scenario, seed, entry) in enumerate(cells)}
    rows = _run(jobs, workers, on_row) + lost
    rows.sort(key=lambda row: order[row["scenario"], row["seed"], row["criterion"]])
    return StudyRows(tuning=tried, rows=rows)


def repeat(study: Study, runs: Path, tried: list[Row], number: int) -> Iterator[tuple[Row, bool]]:
    """Yield the names of some finished jobs, drawn at random, and whether training them again gives the same bits."""
    jobs, _ = _reported_jobs(study, tried, runs, fresh=False)
    for job in Random(0).sample(jobs, min(number, len(jobs))):
        yield job.name, same_bits(job)


def _tuning_jobs(study: Study, runs: Path, fresh: bool) -> list[Job]:
    """Return a job per trial, for each scenario that has a tuning of its own."""
    if study.tuning is None:
        return []
    seed = study.tuning.seed
    return [
        Job(study=study, criterion=entry, scenario=scenario, seed=seed, runs=runs, fresh=fresh, trial=number)
        for scenario, criterion in product(study.scenarios, study.criteria)
        if not scenario.tuned_on
        for number, entry in enumerate(trials(criterion, study.tuning))
    ]


def _reported_jobs(study: Study, tried: list[Row], runs: Path, fresh: bool) -> tuple[list[Job], list[Row]]:
    """Return the jobs of the reported seeds, and rows of those that no trial gives settings to."""
    jobs, lost = [], []
    for scenario, seed, criterion in product(study.scenarios, study.seeds, study.criteria):
        job = Job(study=study, criterion=criterion, scenario=scenario, seed=seed, runs=runs, fresh=fresh)
        try:
            entry = _settled(study, criterion, scenario, tried)
        except HnetzooError as error:
            lost.append(failed(job, error))
        else:
            jobs.append(Job(study=study, criterion=entry, scenario=scenario, seed=seed, runs=runs, fresh=fresh))
    return jobs, lost


def _settled(study: Study, criterion: CriterionEntry, scenario: ScenarioEntry, tried: list[Row]) -> CriterionEntry:
    """Return a criterion with the settings of its best trial."""
    if study.tuning is None:
        return criterion
    tuned_on = scenario.tuned_on or scenario.label
    mine = [row for row in tried if (row["criterion"], row["scenario"]) == (criterion.label, tuned_on)]
    return trials(criterion, study.tuning)[best_trial(mine)]


def _run(jobs: list[Job], workers: int, on_row: OnRow) -> list[Row]:
    """Return the rows of jobs, in their order."""
    if not jobs:
        return []
    for _ in _spread(prepare, [*_preparations(jobs)], workers, lambda step, error: None):
        pass
    rows = []
    for row in _spread(run_job, jobs, workers, failed):
        rows.append(row)
        on_row(row)
    order = {tuple(job.name.values()): index for index, job in enumerate(jobs)}
    return sorted(rows, key=lambda row: order[tuple(row[name] for name in jobs[0].name)])


def _preparations(jobs: Iterable[Job]) -> Iterator[partial[None]]:
    """Yield once each step that several jobs share, so that no two workers take it at the same time; longest first."""
    matchers = {(job.criterion.matcher, str(job.criterion.settings), job.scenario.sources): job for job in jobs}
    yield from (partial(prepare_matcher, job) for job in reversed(matchers.values()))
    scenes = {(job.scenario.label, job.seed): job for job in jobs}
    yield from (partial(prepare_scenes, job) for job in scenes.values())


def _spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    failed: Callable[[Item, BaseException], Result],
) -> Iterable[Result]:
    """Return the results of work on items, in this process or in workers."""
    return map(work, items) if workers == 1 else run_in_workers(work, items, workers, failed)
