"""Output of commands: results to stdout, notes to stderr; with --json, stdout is one document."""

import json
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from typing import Any, TextIO

import typer
from rich.console import Console, RenderableType

from hnetzoo.errors import ConfigError, DataError, HnetzooWarning, ScopeWarning

PIPE_WIDTH = 200  # characters, if the output is no terminal and COLUMNS is not set


def console() -> Console:
    """Return a console for stdout as wide as the environment variable COLUMNS says, the terminal, or `PIPE_WIDTH`."""
    found = Console(highlight=False)
    if os.environ.get("COLUMNS", "").isdigit() or found.is_terminal:
        return found
    return Console(highlight=False, width=PIPE_WIDTH)


def print_json(document: Any) -> None:
    """Print one JSON document on stdout; settings of any type are written as pydantic writes them."""
    from pydantic_core import to_jsonable_python

    typer.echo(json.dumps(document, indent=2, default=to_jsonable_python))


def print_table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], caption: str = "") -> None:
    """Print a table of texts on stdout."""
    from hnetzoo.report.tables import Table
    from hnetzoo.report.terminal import TerminalTable

    table = Table(title=title, caption=caption, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))
    print_drawn(TerminalTable(table, align="left"))


def print_drawn(table: RenderableType) -> None:
    """Print a table as it is drawn on stdout, without cutting what is too wide."""
    console().print(table, crop=False)


def echo_wrapped(text: str) -> None:
    """Print text on stdout, on as many lines as it needs; later ones are indented."""
    typer.echo(fill(text, console().width, subsequent_indent="  ", break_on_hyphens=False))


def note(message: str) -> None:
    """Print a line on stderr."""
    typer.echo(message, err=True)


def print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning of hnetzoo's as a line on stderr, others with their place; for `warnings.showwarning`."""
    if issubclass(category, HnetzooWarning):
        note(f"warning: {message}")
    else:
        note(warnings.formatwarning(message, category, filename, lineno, line).rstrip())


@contextmanager
def scope_warnings(*, strict: bool) -> Iterator[None]:
    """Print each warning about a scope as a line in a `with` block; raises DataError instead if strict."""
    with warnings.catch_warnings():
        warnings.simplefilter("error" if strict else "always", ScopeWarning)
        warnings.showwarning = print_warning
        try:
            yield
        except ScopeWarning as warning:
            raise DataError(f"{warning}, or leave out --strict") from None


def check_writable(*paths: Path | None) -> None:
    """Raise ConfigError if the folder of an output file does not exist, before work is done."""
    for path in paths:
        if path is not None and not path.absolute().parent.is_dir():
            raise ConfigError(f"cannot write '{path}': folder '{path.parent}' does not exist; create it first")
