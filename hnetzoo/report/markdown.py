"""A report as Markdown."""

from collections.abc import Iterable

from hnetzoo.report.tables import Table, report_tables
from hnetzoo.results import BenchmarkReport


def render_markdown(report: BenchmarkReport) -> str:
    """Render all tables of a report, ending with the versions behind them."""
    parts = [render_table(table) for table in report_tables(report)]
    versions = report.environment.get("versions", {})
    made_with = ", ".join(f"{name} {number}" for name, number in versions.items())
    machine = f"{report.environment.get('cores', '?')} cores, {report.environment.get('system', '?')}"
    return "\n".join([*parts, f"Made with {made_with} on {machine}.", ""])


def render_table(table: Table, heading: str = "###") -> str:
    """Render one table under a heading, its caption below.

    Example:
        >>> print(render_table(Table(title="doa", caption="Two.", columns=("model", "F1"), rows=(("a", "1"),))))
        ### doa
        <BLANKLINE>
        | model | F1 |
        | :-- | --: |
        | a | 1 |
        <BLANKLINE>
        Two.
        <BLANKLINE>
    """
    alignment = (":--", *["--:"] * (len(table.columns) - 1))
    lines = [_line(cells) for cells in (table.columns, alignment, *table.rows)]
    return "\n".join([f"{heading} {table.title}", "", *lines, "", table.caption, ""])


def _line(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
