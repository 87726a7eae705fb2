"""Render a report for the terminal."""

from collections.abc import Iterable
from textwrap import fill
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.report.tables import Table, report_tables
from hnetzoo.report.widths import Part, fit, total_width

Align = Literal["left", "right"]


class TerminalTable:
    """A table for `Console.print(..., crop=False)`, which fits it into the width of the console.

    Args:
        table: What to draw.
        align: Alignment of all columns but the first.
    """

    def __init__(self, table: Table, align: Align = "right") -> None:
        self.table, self.align = table, align

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield title, parts and caption, which names the columns that are left out."""
        parts, left_out = fit(self.table, options.max_width)
        caption = [self.table.caption] if self.table.caption else []
        if left_out:
            names = ", ".join(left_out)
            caption.append(f"Left out for width: {names}; --json, --markdown or a wider terminal has them.")
        blocks: list[RenderableType] = [self._drawn(part) for part in parts]
        blocks += [_wrapped(" ".join(caption), options.max_width, "dim")] if caption else []
        if self.table.title:
            yield _wrapped(self.table.title, options.max_width, "bold")
        for index, block in enumerate(blocks):
            yield from ("", block) if index else (block,)
        if self.table.title or caption:
            yield ""

    def _drawn(self, part: Part) -> RichTable:
        width = total_width(part.widths)
        drawn = RichTable(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), width=width)
        for index, wide in zip(part.columns, part.widths, strict=True):
            drawn.add_column(Text(self.table.columns[index]), width=wide, justify=self.align if index else "left")
        for row in self.table.rows:
            drawn.add_row(*(Text(row[index]) for index in part.columns))  # rich reads "[...]" in a string as markup
        return drawn


def _wrapped(text: str, width: int, style: str) -> Text:
    """Return text in lines of a width, broken between words alone, so that paths can be copied."""
    lines = fill(text, width, break_long_words=False, break_on_hyphens=False)
    return Text(lines, style=style, overflow="ignore")


def terminal_tables(report: BenchmarkReport) -> Iterable[RenderableType]:
    """Yield the tables of a report, for a rich console to print."""
    return map(TerminalTable, report_tables(report))
