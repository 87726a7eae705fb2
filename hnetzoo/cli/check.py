"""`hnetzoo check NAME`: run the conformance kit on a model, dataset or trainer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import JsonOption, SetOption
from hnetzoo.cli.output import print_json, print_table
from hnetzoo.config import read_values
from hnetzoo.errors import ConfigError, UnknownNameError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import Spec

if TYPE_CHECKING:
    from hnetzoo.testing import Report

FAILED = 1


def check_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model, dataset or trainer.", show_default=False)],
    settings: SetOption = None,
    only: Annotated[str | None, typer.Option(metavar="CHECK", help="Run one check, with or without 'check_'.")] = None,
    json: JsonOption = False,
) -> None:
    """Run the conformance kit and show what failed and why, then what passed, and what was skipped and why.

    Exit code 1 if a check failed.
    """
    values = read_values(overrides=settings or ())
    specs = discover().find(name)
    unused = [section for section in values if values[section] and section not in {spec.kind for spec in specs}]
    if unused:
        raise ConfigError(f"'{name}' is not a {unused[0]}; leave out --set {unused[0]}.*")
    from hnetzoo import testing
    from hnetzoo.registry.components import configure

    specs = _with_check(specs, only)
    for spec in specs:
        if values[spec.kind]:
            configure(spec, values[spec.kind])  # raises ConfigError, so that no check fails for a wrong setting
    reports = [testing.check(spec, values[spec.kind], only) for spec in specs]
    if json:
        print_json(_document(name, reports))
    else:
        for report in reports:
            _print(report)
    if any(report.failures for report in reports):
        raise typer.Exit(FAILED)


def _with_check(specs: Sequence[Spec], only: str | None) -> list[Spec]:
    """Return the declarations whose kind has the check; raises UnknownNameError if none has."""
    from hnetzoo.testing.runner import named_check

    found = list(specs)
    for spec in specs if only is not None else ():
        try:
            named_check(str(only), spec.kind)
        except UnknownNameError:
            found.remove(spec)
            if not found:
                raise
    return found


def _document(name: str, reports: "list[Report]") -> Mapping[str, Any]:
    totals = {word: sum(report.count(word) for report in reports) for word in ("passed", "failed", "skipped")}
    return {"name": name, **totals, "checks": [entry for report in reports for entry in report.to_json()]}


def _print(report: "Report") -> None:
    """Print the failed checks in full, then the others on a line each, then the counts."""
    for result in report.failures:
        typer.echo(f"failed {result.check}: {result.reason}")
        if result.problem is not None:
            typer.echo(f"  smallest input tried: {result.problem}")
        if result.details:
            typer.echo(result.details)
    rows = [(result.check, result.outcome, result.reason) for result in report.results if result.outcome != "failed"]
    if rows:
        print_table("", ("check", "outcome", "why"), rows)
    counts = ", ".join(f"{report.count(outcome)} {outcome}" for outcome in ("passed", "failed", "skipped"))
    typer.echo(f"{report.spec.kind} {report.spec.name}: {counts}")
