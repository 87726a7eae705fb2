"""The table of a task: the rows of several sources, those of one model together."""

from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkRow
from hnetzoo.registry.command_options import as_toml
from hnetzoo.report.shared_tasks import Part, problem_groups
from hnetzoo.report.tables import ABSENT, BEYOND, BEYOND_CAPTION, Table

Rows = list[BenchmarkRow]


class _Metric(NamedTuple):
    name: str
    value: Callable[[BenchmarkRow], float | None]
    form: str = "{:.4f}"
    spread: bool = False


_METRICS = (
    _Metric("F1", lambda row: row.f1, spread=True),
    _Metric("exact", lambda row: row.exact, spread=True),
    _Metric("cost gap", lambda row: row.cost_gap, "{:.2%}"),
    _Metric("us/problem", lambda row: row.microseconds_per_problem or None, "{:.1f}"),
)


class _Line(NamedTuple):
    """What one source knows of a model: its rows of all seeds, or why there are none."""

    model: str
    name: str
    group: int
    rows: Rows
    reason: str = ""


def results_table(task: str, parts: Sequence[Part]) -> Table:
    """Return the table of a task, with what was skipped or failed at the bottom.

    Args:
        task: Its title.
        parts: The task in each source. Where their problems differ, a column says which a row was measured on.
    """
    groups = problem_groups(parts)
    lines = [line for number, group in enumerate(groups, 1) for part in group for line in _lines(part, number)]
    models = list(dict.fromkeys(line.model for line in lines))
    lines.sort(key=lambda line: (not line.rows, models.index(line.model)))
    apart = len(groups) > 1
    return Table(
        title=task,
        caption=" ".join(_caption(groups, lines)),
        columns=("model", *(["problems"] if apart else []), "seeds", *(metric.name for metric in _METRICS)),
        rows=tuple(_cells(line, numbered=apart) for line in lines),
    )


def _lines(part: Part, group: int) -> Iterator[_Line]:
    source, report = part.source, part.source.report
    for model in source.models:
        rows = [row for row in report.rows if (row.model, row.dataset) == (model, part.label)]
        if rows:
            yield _Line(model, source.name(model), group, rows)
    reasons = {entry.model: "failed" for entry in report.failed if entry.dataset == part.label}
    reasons |= {entry.model: entry.reason for entry in report.skipped if entry.dataset == part.label}
    for model, reason in reasons.items():
        called = "every model" if model == EVERY_MODEL else model
        yield _Line(model, source.name(called), group, [], reason)


def _cells(line: _Line, *, numbered: bool) -> tuple[str, ...]:
    name = f"{line.name}{BEYOND if any(row.outside for row in line.rows) else ''}"
    seeds = ", ".join(str(row.seed) for row in line.rows) or ABSENT
    metrics = [_text(metric, line.rows) for metric in _METRICS]
    results = metrics if line.rows else [line.reason, *("" for _ in metrics[1:])]
    return (name, *([str(line.group)] if numbered else []), seeds, *results)


def _text(metric: _Metric, rows: Rows) -> str:
    values = [value for value in map(metric.value, rows) if value is not None]
    if not values:
        return ABSENT
    mean = metric.form.format(fmean(values))
    return f"{mean} ± {metric.form.format(stdev(values))}" if metric.spread and len(values) > 1 else mean


def _caption(groups: Sequence[Sequence[Part]], lines: Sequence[_Line]) -> Iterator[str]:
    """Yield sentences on the problems, on seeds, scopes and times."""
    if len(groups) == 1:
        yield f"{_problems(groups[0])}."
    else:
        for number, group in enumerate(groups, 1):
            yield f"Problems {number} ({', '.join(part.source.label for part in group)}): {_problems(group)}."
        yield "Rows of different problems are not to be compared."
    if any(len(line.rows) > 1 for line in lines):
        yield "Means over seeds, ± standard deviation."
    if len({(line.group, tuple(row.seed for row in line.rows)) for line in lines if line.rows}) > len(groups):
        yield "Other seeds are other problems."
    rows = [row for line in lines for row in line.rows]
    if any(row.outside for row in rows):
        yield BEYOND_CAPTION
    names = dict.fromkeys(name for row in rows for name in row.timing)
    if different := [name for name in names if len({str(row.timing.get(name)) for row in rows}) > 1]:
        yield f"Times are of different conditions: {', '.join(name.replace('_', ' ') for name in different)}."


def _problems(group: Sequence[Part]) -> str:
    """Return the number of problems of a group for each seed, the seeds, and dataset and settings of its first part."""
    source, label = group[0]
    task = source.report.tasks.get(label, {})
    settings = " ".join(f"{name}={as_toml(value)}" for name, value in (task.get("settings") or {}).items())
    problems = next((row.problems for row in source.report.rows if row.dataset == label), task.get("problems", 0))
    seeds = ", ".join(dict.fromkeys(seed for part in group for seed in part.source.digests(part.label))) or "unknown"
    described = f"{problems:,} problems of {task.get('dataset') or label}, seed {seeds}"
    return f"{described}, with {settings}" if settings else described
