"""Models x datasets x seeds -> BenchmarkReport."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from hnetzoo.benchmark.jobs import CellRunner, Options, Outcome, failure, run_in_worker
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, Failed, Skipped
from hnetzoo.benchmark.suite import Cell, Suite, is_baseline, plan
from hnetzoo.benchmark.workers import fan_out
from hnetzoo.environment import environment
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.paths import hide_folders
from hnetzoo.training.observer import Observer, Silence


def run_benchmark(
    suite: Suite,
    registry: Registry,
    *,
    options: Options | None = None,
    jobs: int = 1,
    observer: Callable[[], Observer] = Silence,
    on_result: Callable[[Outcome], None] = lambda outcome: None,
) -> BenchmarkReport:
    """Evaluate every model of a suite on the test split of every dataset, for every seed.

    Args:
        suite: What to run.
        registry: Where names are looked up; workers discover their own.
        options: Where and how; by default on the CPU, keeping nothing.
        jobs: How many cells are run at once; more than one in worker processes, with a thread each.
        observer: Makes what is told of a training, where cells are run in this process.
        on_result: Is told of each result as it is made, when finished cells have been kept.

    Returns:
        The report, in the order of the suite. A model that cannot take a dataset's problems is listed under `skipped`,
        one that ended in an error under `failed`, each with the reason.

    Raises:
        HnetzooError: If a name, setting or file of the suite is not accepted; nothing has run then.
    """
    options = options or Options()
    cells = plan(suite, registry, options.data)
    outcomes: dict[int, Outcome] = {}
    with closing(_outcomes(cells, registry, options, jobs, observer)) as finished:
        for outcome in finished:
            if options.store and isinstance(outcome.result, BenchmarkRow) and not outcome.kept:
                options.store.write(outcome.key, outcome.result)
            outcomes[outcome.cell.index] = outcome
            on_result(outcome)
    return _report(suite, registry, [outcomes[cell.index] for cell in cells])


def _outcomes(
    cells: Sequence[Cell], registry: Registry, options: Options, jobs: int, observer: Callable[[], Observer]
) -> Generator[Outcome, None, None]:
    if jobs == 1:
        runner = CellRunner(registry, options, observer)
        yield from map(runner.run, cells)
    else:
        yield from fan_out(partial(run_in_worker, options), cells, jobs, partial(failure, options=options))


def _report(suite: Suite, registry: Registry, outcomes: Sequence[Outcome]) -> BenchmarkReport:
    results = [outcome.result for outcome in outcomes]
    return BenchmarkReport(
        environment=environment(),
        rows=tuple(result for result in results if isinstance(result, BenchmarkRow)),
        skipped=tuple(dict.fromkeys(result for result in results if isinstance(result, Skipped))),
        failed=tuple(result for result in results if isinstance(result, Failed)),
        tasks=_tasks(suite, registry, outcomes),
        baseline=next((entry.title for entry in suite.models if is_baseline(entry, registry)), ""),
    )


def _tasks(suite: Suite, registry: Registry, outcomes: Sequence[Outcome]) -> dict[str, dict[str, Any]]:
    """Describe the datasets as they were given, and identify the problems that reported."""
    tasks = {}
    for entry in suite.datasets:
        found = [outcome for outcome in outcomes if outcome.cell.dataset == entry and outcome.sha256]
        tasks[entry.title] = {
            "dataset": entry.name,
            "settings": hide_folders(registry.dataset(entry.name).load_config(), entry.settings),
            "sha256": {str(outcome.cell.seed): outcome.sha256 for outcome in found},
            "problems": found[0].problems if found else 0,
        }
    return tasks
