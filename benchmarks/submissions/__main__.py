"""Check, run again and show submitted results: python -m benchmarks.submissions COMMAND."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.submissions.acceptance import accepted
from benchmarks.submissions.beside import with_submissions
from benchmarks.submissions.rerun import differences
from benchmarks.submissions.rerun import rerun as run_again
from benchmarks.submissions.stored import ROOT, result, submissions
from hnetzoo.benchmark.jobs import Options
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.errors import HnetzooError
from hnetzoo.files import write_file
from hnetzoo.registry.discovery import discover
from hnetzoo.report.html.benchmark import render_benchmark
from hnetzoo.report.markdown import render_markdown

RootOption = Annotated[Path, typer.Option(help="The leaderboard: a folder with suites/ and results/.")]
app = typer.Typer(no_args_is_help=True, add_completion=False, help="Results of models that others ran.")


@app.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Documents; all accepted ones by default.")] = None,
    root: RootOption = ROOT,
) -> None:
    """Say whether documents are accepted, and why not; exit 1 if a rule refuses one, 4 if one cannot be read."""
    registry, code = discover(), 0
    for path in files or submissions(root):
        try:
            document = accepted(path, registry, root)
        except HnetzooError as error:
            typer.echo(f"error: {error}", err=True)
            code = max(code, error.exit_code)
        else:
            typer.echo(f"{path.name}: {', '.join(document.submitted)} on {document.suite} can be accepted")
    raise typer.Exit(code)


@app.command()
def rerun(
    file: Annotated[Path, typer.Argument(help="A document whose plugin is installed here.")],
    data: Annotated[Path, typer.Option(help="Folder of relative paths of datasets.")] = Path(),
    jobs: Annotated[int, typer.Option(min=1, help="How many jobs run at once.")] = 1,
    root: RootOption = ROOT,
) -> None:
    """Check a document, run its models again, and exit 1 if other numbers come out."""
    with _errors():
        registry = discover()
        document = accepted(file, registry, root)
        options = Options(data=data, workers=jobs)
        found = list(differences(document, run_again(document, registry, options, root)))
    for line in found:
        typer.echo(line)
    typer.echo(f"{file.name}: {f'{len(found)} differences' if found else 'the same came out'}")
    raise typer.Exit(1 if found else 0)


@app.command()
def show(
    suite: Annotated[str, typer.Argument(help="A suite with a stored result.")],
    html: Annotated[Path | None, typer.Option(help="Write a page here instead of Markdown to the terminal.")] = None,
    root: RootOption = ROOT,
) -> None:
    """Show the stored result of a suite with what was submitted to it."""
    with _errors():
        report = with_submissions(BenchmarkReport.read(result(suite, root)), suite, root)
        if html:
            write_file(html, render_benchmark(report).encode())
        else:
            typer.echo(render_markdown(report))


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    app()
