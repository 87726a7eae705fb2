"""Run some models of a suite anew, such as those whose weights have changed, and keep the other rows of its result.

    python benchmarks/redo.py reference exchangeable transformer --out new

The problems must be those of the stored rows, by their digests. Times are kept too, since weights do not change them,
and times of another run are not to be compared with: rows of models that are new in the suite, or that have another
number of parameters by now, are without a time. What was run anew, when and by which code stands in the document's
environment, under `redone`. Run it on a clean checkout and write elsewhere, as for a whole suite.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import Options
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import read_suite
from hnetzoo.errors import ConfigError, DataError, HnetzooError
from hnetzoo.files import write_json
from hnetzoo.registry.discovery import discover

FOLDER = Path(__file__).parent


def merged(stored: BenchmarkReport, new: BenchmarkReport, models: Sequence[str]) -> BenchmarkReport:
    """Return the stored report with the scores of the new one's rows; raises DataError if the problems differ.

    Rows of models that the suite does not have any more are left out.

    Args:
        stored: The report to replace rows of.
        new: The rows that were run anew.
        models: The models of the suite, in its order, which is that of the rows.
    """
    for title, task in new.tasks.items():
        if task["sha256"] != stored.tasks[title]["sha256"]:
            raise DataError(f"{title}: other problems than those of the stored rows; run the whole suite anew")
    if new.failed:
        raise DataError(f"{new.failed[0].model} on {new.failed[0].dataset}: {new.failed[0].reason}")
    before = {_key(row): row for row in stored.rows}
    found = {**before, **{_key(row): _kept_time(row, before.get(_key(row))) for row in new.rows}}
    datasets = list(dict.fromkeys(row.dataset for row in stored.rows))
    listed = [row for row in found.values() if row.model in models]
    rows = sorted(listed, key=lambda row: (datasets.index(row.dataset), models.index(row.model)))
    entry = {key: new.environment[key] for key in ("date", "commit", "processor", "threads")}
    entry["models"] = sorted({row.model for row in new.rows})
    redone: list[dict[str, Any]] = [*stored.environment.get("redone", ()), entry]
    described = {**stored.models, **new.models}
    return replace(stored, rows=tuple(rows), models=described, environment={**stored.environment, "redone": redone})


def _key(row: BenchmarkRow) -> tuple[str, str, int]:
    return row.model, row.dataset, row.seed


def _kept_time(row: BenchmarkRow, stored: BenchmarkRow | None) -> BenchmarkRow:
    """Return a row with the time of the stored one; without a time if that is missing, or its model was another."""
    if stored is None or row.parameters != stored.parameters:
        return replace(row, microseconds_per_problem=0.0, timing={})
    return replace(row, microseconds_per_problem=stored.microseconds_per_problem, timing=stored.timing)


def redo(name: str, models: Sequence[str], options: Options) -> BenchmarkReport:
    """Return the stored report of a suite with the rows of some models run anew."""
    suite = read_suite(FOLDER / "suites" / f"{name}.toml")
    chosen = tuple(entry for entry in suite.models if entry.title in models)
    if unknown := set(models) - {entry.title for entry in chosen}:
        known = ", ".join(entry.title for entry in suite.models)
        raise ConfigError(f"no model '{min(unknown)}' in suite {name}; there are {known}")
    new = run_benchmark(
        suite.model_copy(update={"models": chosen}),
        discover(),
        options=options,
        on_result=lambda outcome: typer.echo(f"{outcome.result.dataset}: {outcome.result.model}", err=True),
    )
    stored = BenchmarkReport.read(FOLDER / "results" / f"{name}.json")
    return merged(stored, new, [entry.title for entry in suite.models])


def main(
    suite: Annotated[str, typer.Argument(help="A suite of benchmarks/suites with a stored result.")],
    models: Annotated[list[str], typer.Argument(help="Its models to run anew, by label.")],
    out: Annotated[Path, typer.Option(help="Folder of the new document.")],
    data: Annotated[Path, typer.Option(help="Folder of relative paths of datasets.")] = Path(),
    runs: Annotated[Path, typer.Option(help="Folder that keeps finished rows and trainings.")] = Path("runs/redo"),
    jobs: Annotated[int, typer.Option(min=1, help="How many jobs run at once.")] = 1,
) -> None:
    """Run some models of a suite anew and store the document with all rows."""
    options = Options(data=data, cache=runs / "rows", training=TrainingOptions(runs=runs), workers=jobs)
    try:
        report = redo(suite, models, options)
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{suite}.json", report.to_json())


if __name__ == "__main__":
    typer.run(main)
