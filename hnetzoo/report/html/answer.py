"""An answer as one HTML page: sentences, the differences behind them, curves and tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from hnetzoo.report.comparison import Comparison
from hnetzoo.report.comparison_tables import comparison_tables
from hnetzoo.report.html.charts import COLOURS, Line, line_chart
from hnetzoo.report.html.facts import made
from hnetzoo.report.html.intervals import Interval, interval_chart
from hnetzoo.report.html.page import render_page
from hnetzoo.report.html.training import Figure
from hnetzoo.report.tables import Table


def render_answer(
    title: str,
    conclusions: Sequence[str],
    tables: Sequence[Table],
    figures: Sequence[Figure],
    environment: Mapping[str, Any],
    command: str = "",
) -> str:
    """Return a page of sentences, charts and tables.

    Args:
        title: Of the page.
        conclusions: What was found, a sentence each.
        tables: What it follows from.
        figures: Charts of it.
        environment: What it was made with, as `hnetzoo.registry.environment.environment` says it.
        command: What to type next, if anything.
    """
    return render_page(
        "answer.html",
        title=title,
        conclusions=conclusions,
        command=command,
        figures=figures,
        tables=tables,
        facts=made(environment),
    )


def render_comparison(comparison: Comparison, environment: Mapping[str, Any]) -> str:
    """Return a page about runs and benchmark documents side by side."""
    figures = [*_curves(comparison), *_differences(comparison)]
    names = [source.label for source in comparison.sources]
    title = f"{', '.join(names[:-1])} and {names[-1]} side by side"
    return render_answer(title, comparison.conclusions, comparison_tables(comparison), figures, environment)


def _curves(comparison: Comparison) -> list[Figure]:
    """Return the validation F1 of all runs in one chart; nothing without runs."""
    lines = [
        Line(source.label, [(float(epoch.epoch), epoch.validation["f1"]) for epoch in source.epochs], index % COLOURS)
        for index, source in enumerate(comparison.sources)
        if source.epochs
    ]
    if not lines:
        return []
    title = "Validation F1 by epoch"
    chart = line_chart(lines, name="curves", title=title, x_name="epoch", y_name="validation F1")
    return [Figure(chart, lines, "F1 on the validation split, which chooses the epoch that is kept.")]


def _differences(comparison: Comparison) -> list[Figure]:
    intervals = [
        Interval(f"{pair.second} against {pair.first}, {pair.task}", found.value, found.low, found.high)
        for pair in comparison.pairs
        for found in [pair.difference]
    ]
    return [differences(intervals)] if intervals else []


def differences(intervals: Sequence[Interval]) -> Figure:
    """Return paired differences in F1 as a figure with its caption."""
    chart = interval_chart(intervals, name="differences", title="Paired differences", x_name="difference in F1")
    return Figure(
        chart, [], "Paired differences on the same test problems; an interval clear of 0 is a difference shown."
    )
