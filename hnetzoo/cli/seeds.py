"""`hnetzoo train MODEL --seeds 0,1,2`: independent trainings at once, and one summary of them."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import typer

from hnetzoo.cli.output import note, print_json, print_table
from hnetzoo.config import MAX_SEED
from hnetzoo.engines.choice import Engine
from hnetzoo.errors import ConfigError
from hnetzoo.registry.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from hnetzoo.benchmark.jobs import Options, Outcome
    from hnetzoo.benchmark.plan import Job

SUMMARY = "seeds.json"
SCHEMA = 1
MEASURES = ("f1", "exact", "precision", "recall", "delta_f1", "weighted_f1", "cost_gap")  # of the test row


def read_seeds(
    text: str | None, seed: int, jobs: int | None, executor: str, html: Path | None
) -> tuple[int, ...] | None:
    """Return the seeds of --seeds; None where it is not given.

    Raises:
        ConfigError: If it is not a list of different seeds, or other options do not go with it.

    Example:
        >>> read_seeds("0,3", seed=0, jobs=2, executor="loky", html=None)
        (0, 3)
    """
    engine = Engine.parse(executor)
    if text is None:
        if jobs is not None or engine != Engine():
            raise ConfigError("--jobs and --executor are for several trainings; give their --seeds, as in 0,1,2")
        return None
    if seed:
        raise ConfigError("--seeds names all seeds; leave out --seed")
    if html is not None:
        raise ConfigError("--html is for one training; leave it out, and use 'hnetzoo compare DIR --html FILE' later")
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) <= MAX_SEED for part in parts) or len(set(parts)) < len(parts):
        raise ConfigError(f"--seeds is '{text}'; give different whole numbers from 0 to {MAX_SEED}, as in 0,1,2")
    return tuple(map(int, parts))


def train_seeds(
    jobs: "Sequence[Job]", options: "Options", workers: int | None, executor: str, *, json: bool, quiet: bool
) -> None:
    """Train with each seed, in workers of one thread, and write and print the summary; exits with 1 if any failed.

    Args:
        jobs: One for each seed.
        options: Their run directories are by seed.
        workers: How many train at once.
        executor: What runs them.
        json: Print the summary as a JSON document, and nothing else.
        quiet: Show no progress.
    """
    from hnetzoo.benchmark.schedule import run_jobs
    from hnetzoo.files import write_json
    from hnetzoo.training.runs import RUN

    engine, folder = Engine.parse(executor), options.training.out
    assert folder is not None, "the folder of the run directories"
    if (folder / RUN).exists():
        raise ConfigError(f"'{folder}' is itself a run directory; choose another --out for several seeds")
    options = replace(options, engine=engine, workers=workers or engine.usual_workers)
    silent = json or quiet
    outcomes: list[Outcome] = []
    try:
        with stdout_to_stderr(), closing(run_jobs(jobs, options, tell=_nothing if silent else note)) as finished:
            for outcome in finished:
                outcomes.append(outcome)
                if not silent:
                    note(_line(outcome))
    except (KeyboardInterrupt, SystemExit):
        note("hnetzoo: interrupted; continue with the same command and --resume")
        raise
    outcomes.sort(key=lambda outcome: outcome.job.index)
    summary = _summary(outcomes, folder)
    if folder.is_dir():
        write_json(folder / SUMMARY, summary)
    if json:
        print_json(summary)
    else:
        _print(summary, folder, quiet=quiet)
    if summary["failed"]:
        raise typer.Exit(1)


def _nothing(line: str) -> None:
    """Take a line and show it to nobody."""


def _line(outcome: "Outcome") -> str:
    from hnetzoo.benchmark.results import BenchmarkRow

    result = outcome.result
    found = f"test F1 {result.f1:.4f}" if isinstance(result, BenchmarkRow) else f"failed: {result.reason}"
    return f"seed {outcome.job.seed}: {found}"


def _summary(outcomes: "Sequence[Outcome]", folder: Path) -> dict[str, Any]:
    """Return the document: a run per seed, mean and spread of their measures, and what failed."""
    from hnetzoo.benchmark.results import BenchmarkRow
    from hnetzoo.training.runs import SEED_PREFIX

    job = outcomes[0].job
    runs, failed = [], []
    for outcome in outcomes:
        seed, last, result = outcome.job.seed, outcome.last_epoch, outcome.result
        if isinstance(result, BenchmarkRow) and last is not None:
            test = asdict(result)
            del test["outcomes"]  # result.json of the run directory keeps them
            best = {"best_epoch": last.best_epoch, "best_f1": last.best_f1, "shortfall": last.shortfall}
            told = {"run": str(folder / f"{SEED_PREFIX}{seed}"), **best, "stopped": outcome.stopped}
            runs.append({"seed": seed, **told, "test": test})
        elif not isinstance(result, BenchmarkRow):
            failed.append({"seed": seed, "reason": result.reason})
    return {
        "schema": SCHEMA,
        "model": job.entrant.title,
        "dataset": job.task.title,
        "runs": runs,
        "failed": failed,
        "spread": _spread(runs),
    }


def _spread(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return mean, standard deviation (None of a single run), lowest and highest value of each measure."""
    columns = {"best_f1": [run["best_f1"] for run in runs]}
    columns |= {name: [run["test"][name] for run in runs if run["test"][name] is not None] for name in MEASURES}
    return {
        name: {
            "mean": fmean(values),
            "std": stdev(values) if len(values) > 1 else None,
            "lowest": min(values),
            "highest": max(values),
        }
        for name, values in columns.items()
        if values
    }


def _print(summary: dict[str, Any], folder: Path, *, quiet: bool) -> None:
    measures = ("f1", "exact", "delta_f1")
    rows = [
        (
            str(run["seed"]),
            str(run["best_epoch"]),
            f"{run['best_f1']:.4f}",
            *(f"{run['test'][m]:.4f}" for m in measures),
        )
        for run in summary["runs"]
    ]
    if rows:
        cells = [_cell(summary["spread"][name]) for name in ("best_f1", *measures)]
        title = f"{summary['model']} on {summary['dataset']}"
        columns = ("seed", "best epoch", "validation F1", "test F1", "exact", "F1 against scipy's")
        print_table(title, columns, [*rows, ("mean ± std", "", *cells)])
    for entry in summary["failed"]:
        note(f"seed {entry['seed']} failed: {entry['reason']}")
    if rows:
        typer.echo(f"saved in {folder}")
    if len(rows) > 1 and not quiet:
        typer.echo(f"next: hnetzoo compare {folder}")


def _cell(spread: dict[str, float | None]) -> str:
    return f"{spread['mean']:.4f}" + ("" if spread["std"] is None else f" ± {spread['std']:.4f}")
