"""`hnetzoo benchmark`: rank models and solvers side by side."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import DeviceOption, ExecutorOption, QuietOption, resolve_device
from hnetzoo.cli.output import check_writable, note, print_drawn, print_json
from hnetzoo.cli.progress import LineObserver
from hnetzoo.config import MAX_SEED, read_values
from hnetzoo.engines.choice import Engine
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.stdout import stdout_to_stderr
from hnetzoo.training.observer import NullObserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from hnetzoo.benchmark.jobs import Options, Outcome
    from hnetzoo.benchmark.results import BenchmarkReport

STDOUT = Path("-")
RUNS = Path("runs/benchmark")


def benchmark(
    model: Annotated[
        list[str] | None, typer.Option(help="A name, name@variant or run:PATH; may be repeated.", show_default=False)
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="A dataset; may be repeated.", show_default=False)] = None,
    seed: Annotated[
        list[int] | None, typer.Option(min=0, max=MAX_SEED, help="Seed of the data; may be repeated.", show_default="0")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the datasets, dataset.*; may be repeated."),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(help="TOML file with models, datasets and seeds; --model takes the place of its models."),
    ] = None,
    data: Annotated[
        Path, typer.Option(help="Folder of relative paths of datasets.", file_okay=False, exists=True)
    ] = Path(),
    train: Annotated[bool, typer.Option("--train", help="Train learned models on each dataset first.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many jobs (model, dataset, seed) run at once; on dask, by default as many as it has workers.",
            show_default="1",
        ),
    ] = None,
    executor: ExecutorOption = "loky",
    runs: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps finished rows and trainings for reuse.", show_default=False),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Compute rows and train again instead of reusing them.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail models on problems outside the scope of their weights.")
    ] = False,
    device: DeviceOption = "cpu",
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Time models as torch.compile compiles them."),
    ] = False,
    json: Annotated[
        Path | None, typer.Option(help="Write the JSON document here; - is stdout, and nothing else.")
    ] = None,
    keep_outcomes: Annotated[
        bool,
        typer.Option(
            "--outcomes",
            help="Put what became of each problem into the JSON document too, as with --suite and --model.",
        ),
    ] = False,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown here.")] = None,
    latex: Annotated[Path | None, typer.Option(help="Write the tables as LaTeX here.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with tables, charts and problems here.", show_default=False)
    ] = None,
    quiet: QuietOption = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of a job that fails.")] = False,
) -> None:
    """Compare models with the Hungarian algorithm.

    Without options: all pretrained models and solvers on the DOA datasets, the scipy baseline first.

    With --suite or --train, finished rows and trainings are kept under runs/benchmark, and the same command continues.
    Several commands, on any machines, may share one --runs folder: each row is computed once.

    With --suite and --model, these models and the baseline of the suite run on its datasets and seeds.
    """
    if suite and (dataset or seed or settings):
        raise ConfigError("--suite names datasets and seeds; leave out --dataset, --seed and --set, or --suite")
    given = _dataset_settings(settings)
    engine = Engine.parse(executor)
    check_writable(None if json == STDOUT else json, markdown, latex, html)
    _check_folder(runs)
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.benchmark.run import run_benchmark
    from hnetzoo.benchmark.suite import default_suite, read_suite, with_models

    _log(verbose)
    silent = quiet or json == STDOUT
    names = (model or (), dataset or (), seed or ())
    chosen = read_suite(suite) if suite else default_suite(registry, *names, given)
    if suite and model:
        chosen = with_models(chosen, model, registry)
    runs = runs or (RUNS if suite or train or engine.is_shared else None)
    options = replace(
        _options(resolve_device(device, elsewhere=engine.is_shared), data, runs, fresh=fresh, strict=strict),
        engine=engine,
        workers=jobs or engine.usual_workers,
        compiled=compiled,
    )
    outcomes: list[Outcome] = []
    try:
        with stdout_to_stderr():
            report = run_benchmark(
                chosen,
                registry,
                options=options,
                train=train,
                observer=NullObserver if silent else LineObserver,
                on_result=_notes(outcomes, silent=silent),
                tell=(lambda line: None) if silent else note,
            )
    except (KeyboardInterrupt, SystemExit):
        if runs:
            note(f"hnetzoo: interrupted; finished work is kept under {runs}, the same command continues")
        raise
    report = replace(report, suite=suite.stem if suite else "")
    _write(report, json, markdown, latex, outcomes=keep_outcomes or bool(suite and model))
    if html:
        _write_page(html, report, outcomes, options)
    _exit_if_failed(report)


def _dataset_settings(settings: list[str] | None) -> dict[str, Any]:
    """Return the settings of datasets that --set gives; raises ConfigError if it gives others."""
    values = read_values(overrides=settings or ())
    if values["model"] or values["trainer"]:
        raise ConfigError("benchmark --set takes settings of datasets, dataset.*; give others in a --suite")
    return values["dataset"]


def _check_folder(runs: Path | None) -> None:
    if runs is not None and runs.exists() and not runs.is_dir():
        raise ConfigError(f"--runs '{runs}' is no folder; choose another, or one that does not exist yet")


def _exit_if_failed(report: "BenchmarkReport") -> None:
    """End with exit code 1 if a job failed."""
    if report.failed:
        count = f"{len(report.failed)} failure{'s' if len(report.failed) > 1 else ''}"
        note(f"hnetzoo: {count}; --verbose shows where in the code")
        raise typer.Exit(1)


def _log(verbose: bool) -> None:
    """Log warnings to stderr, and with --verbose the tracebacks of failed jobs."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("hnetzoo").setLevel(logging.INFO if verbose else logging.WARNING)


def _options(device: str, data: Path, runs: Path | None, *, fresh: bool, strict: bool) -> "Options":
    from hnetzoo.benchmark.entrants import TrainingOptions
    from hnetzoo.benchmark.jobs import Options

    training = TrainingOptions(runs=runs, resume=not fresh, fresh=fresh)
    cache = runs / "rows" if runs else None
    return Options(device=device, data=data, cache=cache, training=training, fresh=fresh, strict=strict)


def _notes(kept: "list[Outcome]", *, silent: bool) -> "Callable[[Outcome], None]":
    """Return a function that keeps each outcome in a list, and prints it to stderr unless silent.

    What concerns every model is printed once. Why a job failed is not printed here: the report says it.
    """
    printed: set[Any] = set()

    def print_outcome(outcome: "Outcome") -> None:
        from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkRow, Failed

        kept.append(outcome)
        result = outcome.result
        if silent:
            return
        if isinstance(result, BenchmarkRow):
            beyond = f"; outside the scope of the weights: {', '.join(result.outside)}" if result.outside else ""
            found = f"F1 {result.f1:.4f}{' (cached)' if outcome.cached else ''}{beyond}"
        elif result in printed:
            return
        else:
            printed.add(result)
            found = "failed" if isinstance(result, Failed) else result.reason
        model = "every model" if result.model == EVERY_MODEL else result.model
        note(f"{result.dataset}, seed {outcome.job.seed}: {model} {found}")

    return print_outcome


def _write_page(path: Path, report: "BenchmarkReport", outcomes: "list[Outcome]", options: "Options") -> None:
    from hnetzoo.benchmark.disagreements import find_disagreements
    from hnetzoo.files import write_file
    from hnetzoo.report.html.benchmark import render_benchmark

    with stdout_to_stderr():
        found = find_disagreements(outcomes, options)
    write_file(path, render_benchmark(report, found.problems, found.notes).encode())


def _write(
    report: "BenchmarkReport", json: Path | None, markdown: Path | None, latex: Path | None, *, outcomes: bool
) -> None:
    from hnetzoo.files import write_file, write_json
    from hnetzoo.report.latex import render_latex
    from hnetzoo.report.markdown import render_markdown
    from hnetzoo.report.tables import report_tables
    from hnetzoo.report.terminal import terminal_tables

    if markdown:
        write_file(markdown, render_markdown(report).encode())
    if latex:
        write_file(latex, render_latex(report_tables(report)).encode())
    if json == STDOUT:
        print_json(report.to_json(outcomes=outcomes))
        return
    if json:
        write_json(json, report.to_json(outcomes=outcomes))
    for table in terminal_tables(report):
        print_drawn(table)
