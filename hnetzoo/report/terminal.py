"""Render a report for the terminal."""

from collections.abc import Iterable

from rich import box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.report.tables import Table, report_tables


def terminal_tables(report: BenchmarkReport) -> Iterable[RenderableType]:
    """Yield the tables of a report, for a rich console to print."""
    return map(terminal_table, report_tables(report))


def terminal_table(table: Table) -> RichTable:
    """Return one table for a rich console; text of the first column is never wrapped."""
    drawn = RichTable(
        title=Text(table.title, style="bold"),
        caption=Text(table.caption),
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        title_style="bold",
    )
    for index, column in enumerate(table.columns):
        drawn.add_column(Text(column), justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in table.rows:
        drawn.add_row(*map(Text, row))  # as Text, because rich reads "[...]" in a string as markup
    return drawn
