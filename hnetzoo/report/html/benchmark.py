"""A benchmark report as one HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkReport, BenchmarkRow, Disagreement
from hnetzoo.report.html.calibration import Diagram, diagrams
from hnetzoo.report.html.charts import Point, scatter_chart
from hnetzoo.report.html.facts import made
from hnetzoo.report.html.page import render_page
from hnetzoo.report.html.problems import problem_views
from hnetzoo.report.html.rows import Grid, grid
from hnetzoo.report.tables import Table, joined_rows, overview_table, task_names, task_tables

METRICS: Mapping[str, str] = {
    "F1": "F1, more is better",
    "exact": "exact matches, more is better",
    "cost gap": "cost gap, less is better",
    "us/problem": "microseconds per problem, less is better",
}
BEYOND_WORDS: Mapping[str, str] = {
    "slots": "more slots than the weights were trained with",
    "masks": "masked slots, which the weights have not seen",
    "distances": "distances outside the range of the training",
    "truth": "true pairs that mean something else than in training",
}


@dataclass(frozen=True)
class TaskView:
    """What a page shows of a task: its ranking, a chart of accuracy and time, breakdowns, reliability diagrams."""

    name: str
    anchor: str
    ranking: Grid
    chart: Markup | None
    conditions: str
    breakdowns: Sequence[Table]
    diagrams: Sequence[Diagram]


@dataclass(frozen=True)
class Remark:
    """Something to know about a model on some tasks."""

    kind: str
    model: str
    tasks: Sequence[str]
    text: str


def render_benchmark(
    report: BenchmarkReport, disagreements: Sequence[Disagreement] = (), notes: Sequence[str] = ()
) -> str:
    """Return a page with everything in it: leaderboard, rankings, charts, breakdowns, and what is missing and why.

    Args:
        report: The results.
        disagreements: Problems on which models differ, to be looked at one by one.
        notes: What is to be said about these: a sentence each.

    Example:
        >>> "<h1>Benchmark of 0 models on 0 tasks</h1>" in render_benchmark(BenchmarkReport(environment={}, rows=()))
        True
    """
    tasks = task_names(report)
    models = {row.model for row in report.rows}
    models |= {entry.model for entry in report.skipped} | {entry.model for entry in report.failed}
    seeds = sorted({row.seed for row in report.rows})
    return render_page(
        "benchmark.html",
        title=f"Benchmark of {_count(len(models - {EVERY_MODEL}), 'model')} on {_count(len(tasks), 'task')}",
        seeds=seeds,
        facts=made(report.environment),
        metrics=METRICS,
        boards=[(metric, grid(overview_table(report, metric), report.baseline, metric)) for metric in METRICS],
        tasks=[_task(report, task, number) for number, task in enumerate(tasks, 1)],
        remarks=list(_remarks(report)),
        baseline=report.baseline,
        problems=problem_views(disagreements),
        notes=notes,
    )


def _task(report: BenchmarkReport, task: str, number: int) -> TaskView:
    ranking, *breakdowns = task_tables(report, task)
    anchor = f"task-{number}"
    rows = [row for row in report.rows if row.dataset == task]
    return TaskView(
        name=task,
        anchor=anchor,
        ranking=grid(ranking, report.baseline),
        chart=_chart(task, anchor, rows),
        conditions=_conditions(rows),
        breakdowns=breakdowns,
        diagrams=diagrams({model: found for (model, _), found in joined_rows(rows).items()}, f"{anchor}-reliability"),
    )


def _chart(task: str, anchor: str, rows: Sequence[BenchmarkRow]) -> Markup | None:
    """Return F1 over time; None without two models that were timed."""
    points = [
        Point(model, fmean(row.microseconds_per_problem for row in found), fmean(row.f1 for row in found))
        for (model, _), found in joined_rows(rows).items()
    ]
    timed = [point for point in points if point.x > 0]
    if len(timed) < 2:
        return None
    title = f"{task}: F1 against time"
    return scatter_chart(timed, name=f"{anchor}-chart", title=title, x_name="microseconds per problem", y_name="F1")


def _conditions(rows: Iterable[BenchmarkRow]) -> str:
    """Return the processors, threads and batch sizes that times were measured with."""
    known = [row.timing for row in rows if row.timing]
    parts = (
        ("processor", "{}"),
        ("threads", "threads: {}"),
        ("batch_size", "batches of {}"),
        ("jobs", "jobs at once: {}"),
    )
    texts = []
    for key, form in parts:
        values = dict.fromkeys(str(timing[key]) for timing in known if timing.get(key))
        if values:
            texts.append(form.format(" or ".join(values)))
    return ", ".join(texts)


def _remarks(report: BenchmarkReport) -> Iterable[Remark]:
    """Yield what failed, was skipped, is outside its scope, was tuned and was submitted, each once."""
    found: dict[tuple[str, str, str], dict[str, None]] = {}
    for failed in report.failed:
        found.setdefault(("failed", failed.model, failed.reason), {})[f"{failed.dataset} (seed {failed.seed})"] = None
    for skipped in report.skipped:
        found.setdefault(("skipped", skipped.model, skipped.reason), {})[skipped.dataset] = None
    for row in report.rows:
        if row.outside:
            words = "; ".join(BEYOND_WORDS.get(way, way) for way in row.outside)
            found.setdefault(("outside scope", row.model, words), {})[row.dataset] = None
        if tuned := row.weights.partition("tuned: ")[2]:
            found.setdefault(("tuned", row.model, f"on validation: {tuned}"), {})[row.dataset] = None
        if source := report.submitted.get(row.model):
            found.setdefault(("submitted", row.model, f"{source.by}, run by others"), {})[row.dataset] = None
    order = ("failed", "skipped", "outside scope", "tuned", "submitted")
    for kind, model, text in sorted(found, key=lambda key: order.index(key[0])):
        named = "every model" if model == EVERY_MODEL else model
        yield Remark(kind, named, list(found[kind, model, text]), text)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
