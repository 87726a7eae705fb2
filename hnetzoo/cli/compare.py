"""`hnetzoo compare A B`: runs and benchmark documents side by side."""

from pathlib import Path
from typing import Annotated

import typer

from hnetzoo.cli.options import JsonOption
from hnetzoo.cli.output import check_writable, print_drawn, print_json


def compare_command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="A B",
            help="At least two: run directories (run:PATH or PATH), folders of train --seeds, and documents of "
            "benchmark --json.",
            show_default=False,
        ),
    ] = None,
    json: JsonOption = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown here.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables as LaTeX here.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the comparison as a page here.", show_default=False)] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the tables as CSV here: table, row, column, value.")] = None,
) -> None:
    """Show runs and benchmark documents side by side.

    Settings, versions, problems, curves and results, and the differences in F1 between the first and each other one on
    the same problems, with 95 % intervals. Documents have what these need if written with benchmark --outcomes.
    """
    check_writable(markdown, latex, csv, html)
    from hnetzoo.files import write_file
    from hnetzoo.report.comparison import compare
    from hnetzoo.report.comparison_tables import comparison_tables
    from hnetzoo.report.latex import render_latex
    from hnetzoo.report.long_form import render_csv
    from hnetzoo.report.markdown import render_table
    from hnetzoo.report.sources import read_sources
    from hnetzoo.report.terminal import TerminalTable

    comparison = compare(read_sources(sources or ()))
    tables, conclusions = comparison_tables(comparison), comparison.conclusions
    if markdown:
        listed = "".join(f"- {sentence}\n" for sentence in conclusions)
        write_file(markdown, "\n".join([*map(render_table, tables), listed]).encode())
    if latex:
        write_file(latex, render_latex(tables, conclusions).encode())
    if html:
        from hnetzoo.registry.environment import environment
        from hnetzoo.report.html.answer import render_comparison

        write_file(html, render_comparison(comparison, environment()).encode())
    if csv:
        write_file(csv, render_csv(tables).encode())
    if json:
        print_json(comparison.to_json())
        return
    for table in tables:
        print_drawn(TerminalTable(table))
    for sentence in conclusions:
        typer.echo(sentence)
