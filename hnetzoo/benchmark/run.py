"""Suite -> plan -> jobs -> rows -> report."""

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from functools import partial
from typing import Any

import torch

from hnetzoo.benchmark.jobs import JobRunner, Options, Outcome, failure, run_job
from hnetzoo.benchmark.plan import Job, Plan, plan
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, Failed, Skipped
from hnetzoo.benchmark.suite import Suite
from hnetzoo.benchmark.workers import run_in_workers
from hnetzoo.environment import environment
from hnetzoo.registry.lookup import Registry
from hnetzoo.training.observer import NullObserver, Observer


def run_benchmark(
    suite: Suite,
    registry: Registry,
    *,
    options: Options | None = None,
    train: bool = False,
    observer: Callable[[], Observer] = NullObserver,
    on_result: Callable[[Outcome], None] = lambda outcome: None,
) -> BenchmarkReport:
    """Return how every model of a suite does on the test split of every dataset, for every seed.

    Args:
        suite: What to run.
        registry: Where names are looked up.
        options: Where and how, and how many jobs at once; by default one, on the CPU, without a cache. Several run in
            worker processes with a thread each.
        train: Train every learned model, but those that name weights of their own or are tuned.
        observer: Makes what is told of a training, where jobs are run in this process.
        on_result: Is told of each outcome as it is made.

    Returns:
        The report, in the order of the suite. A model that cannot take a dataset's problems is listed under `skipped`,
        one that ended in an error under `failed`, each with the reason.

    Raises:
        HnetzooError: If a name, setting, file or set of weights of the suite is not accepted; nothing has run then.
    """
    options = options or Options()
    planned = plan(suite, registry, options.data, train=train)
    outcomes: dict[int, Outcome] = {}
    with closing(_outcomes(planned.jobs, options, observer)) as finished:
        for outcome in finished:
            outcomes[outcome.job.index] = outcome
            on_result(outcome)
    return _report(planned, [outcomes[job.index] for job in planned.jobs], options)


def _outcomes(
    jobs: Iterable[Job], options: Options, observer: Callable[[], Observer]
) -> Generator[Outcome, None, None]:
    if options.workers == 1:
        yield from map(JobRunner(options, observer).run, jobs)
    else:
        yield from run_in_workers(partial(run_job, options), jobs, options.workers, partial(failure, options=options))


def _report(planned: Plan, outcomes: Iterable[Outcome], options: Options) -> BenchmarkReport:
    outcomes = list(outcomes)
    results = [outcome.result for outcome in outcomes]
    threads = torch.get_num_threads() if options.workers == 1 else 1
    return BenchmarkReport(
        environment={**environment(), "threads": threads, "plugins": planned.plugins},
        rows=tuple(result for result in results if isinstance(result, BenchmarkRow)),
        skipped=tuple(dict.fromkeys(result for result in results if isinstance(result, Skipped))),
        failed=tuple(dict.fromkeys(result for result in results if isinstance(result, Failed))),
        tasks={task.title: _task(task.title, planned, outcomes) for task in planned.tasks},
        baseline=planned.baseline,
    )


def _task(title: str, planned: Plan, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Describe a dataset as it was given, and identify the problems that reported."""
    task = next(task for task in planned.tasks if task.title == title)
    found = [outcome for outcome in outcomes if outcome.job.task.title == title and outcome.sha256]
    return {
        "dataset": task.dataset.spec.name,
        "settings": task.given,
        "sha256": {str(outcome.job.seed): outcome.sha256 for outcome in found},
        "problems": found[0].problems if found else 0,
    }
