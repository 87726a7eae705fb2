"""Train localizers with every criterion and write what comes of them: python benchmarks/localizer/run.py.

What is finished is kept under --runs, and the same command continues. `make tables` renders the result and draws its
learning curves.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from cells import Cell, Row, failed, prepare, prepare_matcher, prepare_scenes, run_cell
from settings import Study, read_study

from hnetzoo.benchmark.workers import fan_out
from hnetzoo.environment import environment
from hnetzoo.errors import HnetzooError
from hnetzoo.files import write_json

HERE = Path(__file__).parent
RESULT = HERE.parent / "results" / "localizer.json"
RUNS = Path("runs") / "localizer"

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    quick: Annotated[bool, typer.Option("--quick", help="A few scenes and epochs, to see that all works.")] = False,
    study: Annotated[Path | None, typer.Option(help="TOML file; study.toml, or quick.toml with --quick.")] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write; by default only without --quick.")] = None,
    runs: Annotated[Path, typer.Option(help="Where finished cells, scenes and matchers are kept.")] = RUNS,
    jobs: Annotated[int, typer.Option(min=1, help="Cells at once, each in a process of one thread.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute finished cells anew.")] = False,
) -> None:
    """Compare criteria to train a localizer with."""
    logging.basicConfig(format="%(message)s")
    try:
        chosen = read_study(study or HERE / ("quick.toml" if quick else "study.toml"))
        rows = run_study(chosen, runs, jobs, fresh=fresh, on_row=_print)
    except HnetzooError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo(f"interrupted; what is finished is kept under {runs}, and the same command continues", err=True)
        raise typer.Exit(130) from None
    target = json or (None if quick else RESULT)
    if target:
        document = {"study": chosen.model_dump(), "rows": rows, "environment": environment()}
        write_json(target, document)
        print(f"wrote {target}")
    if any("failed" in row for row in rows):
        raise typer.Exit(1)


def run_study(
    study: Study, runs: Path, jobs: int = 1, *, fresh: bool = False, on_row: Callable[[Row], None] = lambda row: None
) -> list[Row]:
    """Run all cells, and return their rows in the order of the study.

    Args:
        study: What to run.
        runs: Where finished cells, scenes and matchers are kept.
        jobs: Cells at once; more than one in processes of one thread each.
        fresh: Computes finished cells anew.
        on_row: Is told of each row as it is made.
    """
    cells = [
        Cell(study=study, criterion=criterion, sources=sources, seed=seed, runs=runs, fresh=fresh)
        for sources, seed, criterion in product(study.sources, study.seeds, study.criteria)
    ]
    for _ in _spread(prepare, [*_preparations(cells)], jobs, lambda step, error: None):
        pass
    rows = []
    for row in _spread(run_cell, cells, jobs, failed):
        rows.append(row)
        on_row(row)
    order = {tuple(cell.name.values()): index for index, cell in enumerate(cells)}
    return sorted(rows, key=lambda row: order[row["criterion"], row["sources"], row["seed"]])


def _preparations(cells: Iterable[Cell]) -> Iterator[partial[None]]:
    """Name once what several cells share, so that no two workers make it at the same time; the longest first."""
    matchers = {(cell.criterion.matcher, str(cell.criterion.settings), cell.sources): cell for cell in cells}
    yield from (partial(prepare_matcher, cell) for cell in reversed(matchers.values()))
    yield from (partial(prepare_scenes, cell) for cell in {(cell.sources, cell.seed): cell for cell in cells}.values())


def _spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    failed: Callable[[Item, BaseException], Result],
) -> Iterable[Result]:
    """Do work on items here, or in several processes."""
    return map(work, items) if jobs == 1 else fan_out(work, items, jobs, failed)


def _print(row: Row) -> None:
    name = f"{row['sources']} source{'s' * (row['sources'] > 1)}, seed {row['seed']}: {row['criterion']}"
    if "failed" in row:
        print(f"{name} failed: {row['failed']}", flush=True)
        return
    error = "-" if row["error_deg"] is None else f"{row['error_deg']:.1f}"
    print(f"{name}: LE {error}, LF {row['f1']:.3f}, MOTA {row['mota']:.3f}, {row['seconds']:.0f} s", flush=True)


if __name__ == "__main__":
    typer.run(run)
