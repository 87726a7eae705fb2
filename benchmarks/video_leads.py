"""How far models of the video suite are ahead of others on the same test frames, with paired intervals.

    python benchmarks/video_leads.py --data FOLDER --runs runs/video

Runs the models of suites/video.toml that are compared, or reads their finished rows from --runs. Frames are drawn for
the intervals in blocks of neighbours, with what each seed made of them.
"""

from collections.abc import Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import typer

from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import Options
from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.significance import CONFIDENCE, Difference, paired_difference
from hnetzoo.benchmark.suite import read_suite, with_models
from hnetzoo.errors import DataError, HnetzooError
from hnetzoo.files import write_json
from hnetzoo.registry.discovery import discover
from hnetzoo.report.markdown import render_table
from hnetzoo.report.tables import Table

FOLDER = Path(__file__).parent
PAIRS = (
    ("features", "gate"),
    ("features, fine-tuned", "gate"),
    ("features, fine-tuned", "features"),
    ("features, withheld", "exchangeable"),
)


def leads(report: BenchmarkReport) -> Iterator[dict[str, Any]]:
    """Yield by how much the first model of each pair is ahead of the second on each task, in F1."""
    for name, task in report.tasks.items():
        for first, second in PAIRS:
            outcomes = [
                [unpack_outcomes(row.outcomes) for row in report.rows if (row.dataset, row.model) == (name, model)]
                for model in (first, second)
            ]
            found = paired_difference(*outcomes, block=task["block"], redrawn=task["redrawn"])
            yield {"task": name, "first": first, "second": second, **vars(found)}


def leads_table(result: dict[str, Any]) -> str:
    """Return the table of the stored result: a row for each task, a column for each pair."""
    shown: dict[str, dict[str, str]] = {}
    for row in result["rows"]:
        found = Difference(**{entry.name: row[entry.name] for entry in fields(Difference)})
        shown.setdefault(row["task"], {})[f"{row['first']} - {row['second']}"] = str(found)
    columns = ("task", *next(iter(shown.values())))
    caption = f"Differences of F1, with {CONFIDENCE:.0%} intervals of a paired bootstrap over blocks of test frames."
    rows = tuple((task, *of_task.values()) for task, of_task in shown.items())
    return render_table(Table(title="Leads in F1", caption=caption, columns=columns, rows=rows), "####")


def main(
    data: Annotated[Path, typer.Option(help="Folder with mot15 and mot17.")],
    runs: Annotated[Path, typer.Option(help="Folder that keeps finished rows and trainings.")] = Path("runs/video"),
    jobs: Annotated[int, typer.Option(min=1, help="How many jobs run at once.")] = 1,
) -> None:
    """Store by how much models are ahead of others on each task."""
    options = Options(data=data, cache=runs / "rows", training=TrainingOptions(runs=runs), workers=jobs)
    try:
        registry, whole = discover(), read_suite(FOLDER / "suites" / "video.toml")
        suite = with_models(whole, dict.fromkeys(chain(*PAIRS)), registry)
        report = run_benchmark(suite, registry, options=options)
        if report.failed:
            raise DataError(f"{report.failed[0].model} on {report.failed[0].dataset}: {report.failed[0].reason}")
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    document = {"seeds": suite.seeds, "rows": list(leads(report)), "environment": report.environment}
    write_json(FOLDER / "results" / "video-leads.json", document)


if __name__ == "__main__":
    typer.run(main)
