"""Render a report as Markdown."""

from collections.abc import Iterable

from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.report.tables import Table, report_tables


def render_markdown(report: BenchmarkReport) -> str:
    """Return all tables of a report, followed by versions, machine and date."""
    parts = [render_table(table) for table in report_tables(report)]
    known = report.environment
    made_with = ", ".join(f"{name} {number}" for name, number in known.get("versions", {}).items())
    commit = f" at commit {known['commit']}" if known.get("commit") else ""
    date = f", {known['date']}" if known.get("date") else ""
    machine = f"{known.get('cores', '?')} cores, {known.get('system', '?')}{date}"
    anew = [f" {', '.join(e['models'])} run anew at {e['commit']}, {e['date']}." for e in known.get("redone", ())]
    return "\n".join([*parts, f"Made with {made_with}{commit} on {machine}.{''.join(anew)}", ""])


def render_table(table: Table, heading: str = "###") -> str:
    """Return one table under a heading, followed by its caption.

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
