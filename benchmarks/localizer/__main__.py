"""Train localizers with every criterion and write their scores: python -m benchmarks.localizer.

Finished jobs are kept under --runs, and the same command continues after them. `make tables` renders the result and
draws its learning curves.
"""

import logging
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.localizer.jobs import Row
from benchmarks.localizer.settings import read_study
from benchmarks.localizer.study import run_study
from hnetzoo.environment import environment
from hnetzoo.errors import HnetzooError
from hnetzoo.files import write_json

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "localizer.json"
RUNS = Path("runs") / "localizer"


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A few scenes and epochs, to check that all works.")] = False,
    study: Annotated[Path | None, typer.Option(help="TOML file; study.toml, or quick.toml with --quick.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write; by default only without --quick.")] = None,
    runs: Annotated[Path, typer.Option(help="Where finished jobs, scenes and matchers are kept.")] = RUNS,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs at once, each in a process of one thread.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute finished jobs again.")] = False,
) -> None:
    """Compare criteria for training a localizer."""
    logging.basicConfig(format="%(message)s")
    try:
        chosen = read_study(study or HERE / ("quick.toml" if quick else "study.toml"))
        rows = run_study(chosen, runs, jobs, fresh=fresh, on_row=_print)
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished jobs are kept under {runs}, and the same command continues", err=True)
        raise typer.Exit(130) from None
    target = json or (None if quick else RESULT)
    if target:
        document = {"study": chosen.model_dump(), "rows": rows, "environment": environment()}
        write_json(target, document)
        print(f"wrote {target}")
    if any("failed" in row for row in rows):
        raise typer.Exit(1)


def _print(row: Row) -> None:
    name = f"{row['sources']} source{'s' * (row['sources'] > 1)}, seed {row['seed']}: {row['criterion']}"
    if "failed" in row:
        print(f"{name} failed: {row['failed']}", flush=True)
        return
    error = "-" if row["error_deg"] is None else f"{row['error_deg']:.1f}"
    print(f"{name}: LE {error}, LF {row['f1']:.3f}, MOTA {row['mota']:.3f}, {row['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    typer.run(run)
