"""Suite -> plan -> jobs -> rows -> report."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from typing import Any

import torch

from hnetzoo.benchmark.description import describe
from hnetzoo.benchmark.jobs import Options, Outcome
from hnetzoo.benchmark.plan import Plan, Task, plan
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, Failed, Skipped
from hnetzoo.benchmark.schedule import run_jobs
from hnetzoo.benchmark.suite import Suite
from hnetzoo.engines.progress import Tell
from hnetzoo.registry.environment import environment
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import SYNTHETIC
from hnetzoo.training.observer import NullObserver, Observer


def run_benchmark(
    suite: Suite,
    registry: Registry,
    *,
    options: Options | None = None,
    train: bool = False,
    observer: Callable[[], Observer] = NullObserver,
    on_result: Callable[[Outcome], None] = lambda outcome: None,
    tell: Tell = lambda line: None,
) -> BenchmarkReport:
    """Return the numbers of every model of a suite on the test split of every dataset, for every seed.

    Args:
        suite: What to run.
        registry: Where names are looked up.
        options: Where, how, and how many jobs at once; by default one, on the CPU, without a cache. Several run in
            worker processes with one thread each, of this machine or of the engine.
        train: Train every learned model, except those that name weights of their own or are tuned.
        observer: Returns an observer for a training; not called in workers.
        on_result: Called with each outcome as it is made.
        tell: Takes lines about the progress of workers.

    Returns:
        The report, in the order of the suite. A model that cannot take a dataset's problems, or is optional and cannot
        be used, is listed under `skipped`, one that raised an error under `failed`, each with the reason.

    Raises:
        HnetzooError: If a name, setting, file or set of weights of the suite is not accepted, before anything runs.
    """
    options = options or Options()
    planned = plan(suite, registry, options.data, train=train)
    outcomes: dict[int, Outcome] = {}
    with closing(run_jobs(planned.jobs, options, observer, tell)) as finished:
        for outcome in finished:
            outcomes[outcome.job.index] = outcome
            on_result(outcome)
    return _report(planned, [outcomes[job.index] for job in planned.jobs], options)


def _report(planned: Plan, outcomes: Sequence[Outcome], options: Options) -> BenchmarkReport:
    results = [outcome.result for outcome in outcomes]
    threads = torch.get_num_threads() if options.workers == 1 and not options.engine.is_shared else 1
    by_model = {job.entrant.title: job for job in planned.jobs}
    by_task: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_task.setdefault(outcome.job.task.title, []).append(outcome)
    return BenchmarkReport(
        environment={**environment(), "threads": threads, "plugins": planned.plugins},
        rows=tuple(result for result in results if isinstance(result, BenchmarkRow)),
        skipped=tuple(dict.fromkeys([*planned.skipped, *(entry for entry in results if isinstance(entry, Skipped))])),
        failed=tuple(dict.fromkeys(result for result in results if isinstance(result, Failed))),
        tasks={task.title: _task(task, by_task.get(task.title, ())) for task in planned.tasks},
        baseline=planned.baseline,
        models={title: describe(job.entrant, job.plugin) for title, job in by_model.items()},
    )


def _task(task: Task, outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return the settings of a task as given, and digests and number of its test problems.

    Beside these, how many go together, and whether each seed has its own.
    """
    found = [outcome for outcome in outcomes if outcome.sha256]
    return {
        "dataset": task.dataset.spec.name,
        "settings": task.given,
        "sha256": {str(outcome.job.seed): outcome.sha256 for outcome in found},
        "problems": found[0].problems if found else 0,
        "block": getattr(task.dataset.spec.load_target(), "block", 1),
        "redrawn": SYNTHETIC in task.dataset.spec.tags,
    }
