"""The tables of a report, independent of the output format."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from statistics import fmean, stdev
from typing import NamedTuple

from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkReport, BenchmarkRow, Failed, Groups, Skipped
from hnetzoo.report.noise import LEVEL, Level, level_with_best
from hnetzoo.report.sizes import by_size

MOST_COUNTS = 9  # columns of the breakdown by counts; more are joined by size
MOST_GROUPS = 16  # columns of any breakdown; more are only in the JSON document
ABSENT = "-"
BEYOND = "†"
SUBMITTED = "‡"
BEYOND_CAPTION = f"{BEYOND} Outside what the weights are for: sizes, masks, distances or what a true pair means."

Rows = list[BenchmarkRow]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, a caption, column names, and rows of text; the first column is the model.

    `leaving` names columns in the order in which they are left out on a terminal that is too narrow for all.
    """

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    leaving: tuple[str, ...] = ()


class _Column(NamedTuple):
    name: str
    value: Callable[[BenchmarkRow], float | None]
    form: str = "{:.4f}"
    spread: bool = False


_COLUMNS = (
    _Column("F1", lambda row: row.f1, spread=True),
    _Column("weighted F1", lambda row: row.weighted_f1),
    _Column("precision", lambda row: row.precision),
    _Column("recall", lambda row: row.recall),
    _Column("exact", lambda row: row.exact, spread=True),
    _Column("valid", lambda row: row.validity),
    _Column("F1 1-to-1", lambda row: row.f1_one_to_one),
    _Column("cost gap", lambda row: row.cost_gap, "{:.2%}"),
    _Column("proven gap", lambda row: row.proven_gap, "{:.2%}"),
    _Column("vs scipy", lambda row: row.delta_f1, "{:+.4f}"),
    _Column("us/problem", lambda row: row.microseconds_per_problem or None, "{:.1f}"),
    _Column("parameters", lambda row: row.parameters, "{:,.0f}"),
)
_LEAVING = (
    "parameters", "us/problem", "proven gap", "cost gap", "F1 1-to-1", "valid", "weighted F1", "recall", "precision",
    "vs scipy", "exact",
)  # fmt: skip


def report_tables(report: BenchmarkReport) -> list[Table]:
    """Return the tables of a report: per task the ranking, then exact shares by counts and by slot layout.

    Rows of several seeds are averaged; F1 and exact also have a standard deviation. More than `MOST_COUNTS` different
    counts are joined by size.

    Example:
        >>> report_tables(BenchmarkReport(environment={}, rows=()))
        []
    """
    return [table for task in task_names(report) for table in task_tables(report, task)]


def task_tables(report: BenchmarkReport, task: str) -> list[Table]:
    """Return the tables of one task: the ranking, then the breakdowns, as in `report_tables`."""
    joined = joined_rows(row for row in report.rows if row.dataset == task)
    models = {model: rows for (model, _), rows in joined.items()}
    layouts = "Share of problems that are matched exactly, by the slots that are active (1): references x predictions."
    return [
        _ranking(task, models, report),
        *_by_counts(task, models),
        *_breakdown(f"{task}, by slot layout", layouts, models, lambda row: row.layouts),
    ]


def overview_table(report: BenchmarkReport, metric: str, tasks: str = "*") -> Table:
    """Return a table of one metric of all models on several tasks, the baseline on top.

    Args:
        report: The results.
        metric: Name of a column of the rankings, as "exact".
        tasks: A pattern of task names, as for file names.

    Example:
        >>> overview_table(BenchmarkReport(environment={}, rows=()), "exact").columns
        ('model',)
    """
    column = next(column for column in _COLUMNS if column.name == metric)
    names = [task for task in task_names(report) if fnmatch(task, tasks)]
    values: dict[str, dict[str, str]] = {}
    missing = {task: "failed" if (EVERY_MODEL, task) in _failed(report) else ABSENT for task in names}
    for model, task in _failed(report):
        if model != EVERY_MODEL:
            values.setdefault(model, {})[task] = "failed"
    for skipped in report.skipped:
        if skipped.model == EVERY_MODEL:
            continue
        values.setdefault(skipped.model, {})[skipped.dataset] = skipped.reason
    for (model, task), rows in joined_rows(report.rows).items():
        values.setdefault(model, {})[task] = f"{_text(column, rows)}{_mark(rows)}"
    order = sorted(values, key=lambda model: model != report.baseline)
    return Table(
        title=f"{metric}, by task",
        caption=" ".join(
            [
                *_seeds(report.rows),
                *_beyond(row for row in report.rows if row.dataset in names),
                *_submissions(values, report),
            ]
        ),
        columns=("model", *names),
        rows=tuple((model, *({**missing, **values[model]}[task] for task in names)) for model in order),
    )


def joined_rows(rows: Iterable[BenchmarkRow]) -> dict[tuple[str, str], Rows]:
    """Return the rows of all seeds by model and task."""
    joined: dict[tuple[str, str], Rows] = {}
    for row in rows:
        joined.setdefault((row.model, row.dataset), []).append(row)
    return joined


def task_names(report: BenchmarkReport) -> list[str]:
    """Return the tasks with rows, skipped or failed models, in the order of the report."""
    shown = [row.dataset for row in report.rows]
    shown += [entry.dataset for entry in report.skipped] + [entry.dataset for entry in report.failed]
    return list(dict.fromkeys([*(label for label in report.tasks if label in shown), *shown]))


def _ranking(dataset: str, models: Mapping[str, Rows], report: BenchmarkReport) -> Table:
    """Return the models ranked by F1, the baseline on top, those without results at the bottom."""
    order = sorted(models, key=lambda model: (model != report.baseline, -fmean(row.f1 for row in models[model])))
    ours = {model: rows for model, rows in models.items() if model not in report.submitted}
    task = report.tasks.get(dataset, {})
    level = level_with_best(ours, task.get("block", 1), redrawn=task.get("redrawn", True))
    ranked = [
        (_named(model, models[model], level), *(_text(column, models[model]) for column in _COLUMNS)) for model in order
    ]
    missing = _missing(dataset, report)
    blank = ("",) * (len(_COLUMNS) - 1)
    return Table(
        title=dataset,
        caption=" ".join(filter(None, (_caption(dataset, models, report), level.caption()))),
        columns=("model", *(column.name for column in _COLUMNS)),
        rows=(*ranked, *((model, reason, *blank) for model, reason in missing.items() if model not in models)),
        leaving=_LEAVING,
    )


def _missing(dataset: str, report: BenchmarkReport) -> dict[str, str]:
    """Return why models have no row of a task, by model."""
    missing = {_called(entry): "failed" for entry in report.failed if entry.dataset == dataset}
    return missing | {_called(entry): entry.reason for entry in report.skipped if entry.dataset == dataset}


def _caption(dataset: str, models: Mapping[str, Rows], report: BenchmarkReport) -> str:
    """Return the task's settings, the numbers of problems and seeds, what was tuned, and what failed."""
    return " ".join(
        [
            *_task(dataset, report),
            *_basis(models),
            *_tuned(models),
            *_beyond(row for rows in models.values() for row in rows),
            *_failures(dataset, report),
            *_submissions([*models, *_missing(dataset, report)], report, dataset),
        ]
    )


def _task(dataset: str, report: BenchmarkReport) -> Iterable[str]:
    task = report.tasks.get(dataset, {})
    settings = ", ".join(f"{name} = {json.dumps(value)}" for name, value in task.get("settings", {}).items())
    if settings:
        yield f"{task['dataset']} with {settings}."


def _basis(models: Mapping[str, Rows]) -> Iterable[str]:
    rows = [row for rows in models.values() for row in rows]
    if not rows:
        yield "No results."
        return
    yield f"{rows[0].problems:,} {rows[0].split} problems,"
    yield from _seeds(rows)
    yield "Ratios are 1 where nothing was to be found and nothing was found."


def _seeds(rows: Iterable[BenchmarkRow]) -> Iterable[str]:
    seeds = list(dict.fromkeys(row.seed for row in rows))
    yield f"seed {', '.join(map(str, seeds))}."
    if len(seeds) > 1:
        yield "Means over seeds, ± standard deviation."


def _tuned(models: Mapping[str, Rows]) -> Iterable[str]:
    tuned = [
        f"{model} ({' / '.join(dict.fromkeys(row.weights.partition('tuned: ')[2] for row in rows))})"
        for model, rows in models.items()
        if "tuned: " in rows[0].weights
    ]
    if tuned:
        yield f"Tuned on validation: {', '.join(tuned)}."


def _named(model: str, rows: Rows, level: Level) -> str:
    """Return the name of a model with its marks."""
    return f"{model}{_mark(rows)}{f' {LEVEL}' if model in level.models else ''}"


def _mark(rows: Iterable[BenchmarkRow]) -> str:
    return BEYOND if any(row.outside for row in rows) else ""


def _beyond(rows: Iterable[BenchmarkRow]) -> Iterable[str]:
    if _mark(rows):
        yield BEYOND_CAPTION


def _submissions(models: Iterable[str], report: BenchmarkReport, task: str = "") -> Iterable[str]:
    """Yield whose models are shown that others ran, with the notes on a task."""
    shown = {model: report.submitted[model] for model in models if model in report.submitted}
    if shown:
        whose = ", ".join(f"{model.removesuffix(SUBMITTED)} ({found.by})" for model, found in shown.items())
        yield f"{SUBMITTED} Submitted, run by others on another machine, so without times: {whose}."
    yield from (found.notes[task] for found in shown.values() if task in found.notes)


def _failures(dataset: str, report: BenchmarkReport) -> Iterable[str]:
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in report.failed:
        if entry.dataset == dataset:
            reasons.setdefault((_called(entry), entry.reason), []).append(str(entry.seed))
    for (model, reason), seeds in reasons.items():
        yield f"Failed: {model}, seed {', '.join(seeds)}: {reason}"


def _failed(report: BenchmarkReport) -> list[tuple[str, str]]:
    return [(entry.model, entry.dataset) for entry in report.failed]


def _called(entry: Failed | Skipped) -> str:
    return "every model" if entry.model == EVERY_MODEL else entry.model


def _by_counts(dataset: str, models: Mapping[str, Rows]) -> list[Table]:
    what = "Share of problems that are matched exactly, by"
    if len({name for rows in models.values() for row in rows for name in row.cells}) <= MOST_COUNTS:
        caption = f"{what} active references x active predictions."
        return _breakdown(f"{dataset}, by counts", caption, models, lambda row: row.cells)
    caption = f"{what} the lesser number of active references and active predictions."
    return _breakdown(f"{dataset}, by size", caption, models, lambda row: by_size(row.cells))


def _breakdown(
    title: str, caption: str, models: Mapping[str, Rows], groups: Callable[[BenchmarkRow], Groups]
) -> list[Table]:
    """Return a table of exact shares per group; none if there is only one group, or too many."""
    found = {model: [groups(row) for row in rows] for model, rows in models.items()}
    present = {name for several in found.values() for one in several for name in one}
    names = tuple(sorted(present, key=lambda name: [int(number) for number in re.findall(r"\d+", name)]))
    if not 1 < len(names) <= MOST_GROUPS:
        return []
    shares = [
        (model, *(_mean([one[name]["exact"] for one in several if name in one], "{:.3f}") for name in names))
        for model, several in found.items()
    ]
    first = next(iter(found.values()))
    counts = [f"{sum(one.get(name, {}).get('problems', 0) for one in first):,.0f}" for name in names]
    return [Table(title=title, caption=caption, columns=("model", *names), rows=(*shares, ("problems", *counts)))]


def _text(column: _Column, rows: Rows) -> str:
    values = [value for value in map(column.value, rows) if value is not None]
    mean = _mean(values, column.form)
    return f"{mean} ± {column.form.format(stdev(values))}" if column.spread and len(values) > 1 else mean


def _mean(values: list[float], form: str) -> str:
    return form.format(fmean(values)) if values else ABSENT
