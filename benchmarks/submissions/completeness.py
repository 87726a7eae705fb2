"""Rules on what a submission covers: the tasks, seeds and problems of its suite, all of them, and each once."""

from collections import Counter
from collections.abc import Iterator
from itertools import product

from benchmarks.submissions.document import Document, Result, SeededResult, Task
from benchmarks.submissions.stored import Stored

_SHOWN = 12  # digits of a digest


def completeness(document: Document, stored: Stored) -> Iterator[str]:
    """Yield what is missing, twice, or other than in the suite; nothing if all is there."""
    ours = stored.report.tasks
    if missing := [task for task in ours if task not in document.tasks]:
        yield f"the task '{missing[0]}' of the suite is missing"
    if more := [task for task in document.tasks if task not in ours]:
        yield f"the task '{more[0]}' is not in the suite"
    for name, task in document.tasks.items():
        yield from _task(name, task, stored)
    if document.baseline != stored.report.baseline:
        yield f"the baseline is '{document.baseline}', and that of the suite '{stored.report.baseline}'"
    if document.baseline and document.baseline not in document.models:
        yield f"the baseline '{document.baseline}' is not among the models"
    yield from _rows(document, stored)


def _task(name: str, task: Task, stored: Stored) -> Iterator[str]:
    ours = stored.report.tasks[name]
    if (task.dataset, task.settings) != (ours["dataset"], ours["settings"]):
        yield f"the task '{name}' is {task.dataset} with other settings than in the suite"
    if task.sha256.keys() != ours["sha256"].keys():
        yield f"the task '{name}' has the seeds {', '.join(task.sha256)}, and in the suite {', '.join(ours['sha256'])}"
    for seed, digest in task.sha256.items():
        if digest != (expected := ours["sha256"].get(seed)):
            found = f"sha256 {digest[:_SHOWN]}..., ours {expected[:_SHOWN]}..." if expected else "no such seed"
            yield f"the task '{name}' has other test problems than ours for seed {seed} ({found})"
    if task.problems != ours["problems"]:
        yield f"the task '{name}' has {task.problems:,} problems, and ours {ours['problems']:,}"
    if task.block != (block := stored.block(name)):
        yield f"the task '{name}' joins {task.block} neighbours, and ours {block}"
    if task.redrawn != (redrawn := stored.redrawn(name)):
        says = {True: "has other problems for each seed", False: "has the same problems for every seed"}
        yield f"the task '{name}' {says[task.redrawn]}, and ours {says[redrawn]}"


def _rows(document: Document, stored: Stored) -> Iterator[str]:
    """Yield the results that are missing or twice: each model needs a row, a failure or a skip everywhere."""
    wanted = list(product(document.models, stored.report.tasks, stored.seeds))
    seeded: tuple[SeededResult, ...] = (*document.rows, *document.failed)
    results = Counter((entry.model, entry.dataset, entry.seed) for entry in seeded)
    results.update((entry.model, entry.dataset, seed) for entry in document.skipped for seed in stored.seeds)
    for model, task, seed in wanted:
        if (count := results.pop((model, task, seed), 0)) != 1:
            yield f"{model} on {task}, seed {seed}, has {count or 'no'} result{'s' * (count > 1)}; all are needed, once"
    for model, task, seed in results:
        yield f"{model} on {task}, seed {seed}, is not in the suite"
    for model in document.models:
        if model not in {row.model for row in document.rows}:
            yield f"{model} has no row at all; run what you submit until it works somewhere"
    without_row: tuple[Result, ...] = (*document.failed, *document.skipped)
    if unfinished := [entry.dataset for entry in without_row if entry.model == document.baseline]:
        yield f"the baseline has no row of {unfinished[0]}; run it again"
