"""Train localizers with every criterion and write their scores: python -m benchmarks.localizer.

Finished jobs are kept under --runs, and the same command continues after them. `make tables` renders the result and
draws its learning curves.
"""

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.localizer.jobs import Row
from benchmarks.localizer.matchers import training_seconds
from benchmarks.localizer.settings import Study, read_study
from benchmarks.localizer.study import StudyRows, run_study
from benchmarks.localizer.study import repeat as train_again
from hnetzoo.errors import HnetzooError
from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "localizer-study.json"
RUNS = Path("runs") / "localizer"


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A few scenes and epochs, to check that all works.")] = False,
    study: Annotated[Path | None, typer.Option(help="TOML file; study.toml, or quick.toml with --quick.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write; by default only for study.toml.")] = None,
    runs: Annotated[Path, typer.Option(help="Where finished jobs, scenes and matchers are kept.")] = RUNS,
    jobs: Annotated[int, typer.Option(min=1, help="Jobs at once, each in a process of one thread.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute finished jobs again.")] = False,
    repeat: Annotated[
        int, typer.Option(min=0, help="Train so many of the finished jobs again; fail unless their bits are the same.")
    ] = 0,
) -> None:
    """Compare criteria for training a localizer."""
    logging.basicConfig(format="%(message)s")
    try:
        chosen = read_study(study or HERE / ("quick.toml" if quick else "study.toml"))
        found = run_study(chosen, runs, jobs, fresh=fresh, on_row=_print)
        differing = _repeated(chosen, found, runs, repeat) if repeat else 0
        target = json or (None if quick or study or repeat else RESULT)
        if target:
            write_json(target, _document(chosen, found, runs))
            print(f"wrote {target}")
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted; finished jobs are kept under {runs}, and the same command continues", err=True)
        raise typer.Exit(130) from None
    if differing or any("failed" in row for row in (*found.tuning, *found.rows)):
        raise typer.Exit(1)


def _document(study: Study, found: StudyRows, runs: Path) -> dict[str, Any]:
    """Return the stored result; of learning curves it holds what figures show, the validation GOSPA."""
    sources = max(scenario.sources for scenario in study.scenarios)
    finished = {row["criterion"] for row in found.rows if "failed" not in row}
    return {
        "study": study.model_dump(),
        "rows": [_short(row) for row in found.rows],
        "tuning": [{name: value for name, value in row.items() if name != "curve"} for row in found.tuning],
        "matcher_seconds": {
            entry.label: training_seconds(entry, sources, study.matchers, runs / "matchers")
            for entry in study.criteria
            if entry.label in finished
        },
        "environment": environment(),
    }


def _short(row: Row) -> Row:
    if "failed" in row:
        return row
    return {**row, "curve": [{"gospa_deg": record["gospa_deg"]} for record in row["curve"]]}


def _repeated(study: Study, found: StudyRows, runs: Path, number: int) -> int:
    """Return how many of some finished jobs give other bits when they are trained again."""
    differing = 0
    for name, same in train_again(study, runs, found.tuning, number):
        print(f"{', '.join(map(str, name.values()))}: {'the same bits' if same else 'other bits'}", flush=True)
        differing += not same
    return differing


def _print(row: Row) -> None:
    trial = f", trial {row['trial']}" if "trial" in row else ""
    name = f"{row['scenario']}, seed {row['seed']}{trial}: {row['criterion']}"
    if "failed" in row:
        print(f"{name} failed: {row['failed']}", flush=True)
        return
    scores = f"validation GOSPA {row['validation_gospa_deg']:.1f}"
    if "mota" in row:
        error = "-" if row["error_deg"] is None else f"{row['error_deg']:.1f}"
        scores = f"LE {error}, LF {row['f1']:.3f}, MOTA {row['mota']:.3f}"
    print(f"{name}: {scores}, {row['epochs']} epochs, {row['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    typer.run(run)
