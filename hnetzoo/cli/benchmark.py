"""`hnetzoo benchmark`: rank models and solvers side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hnetzoo.cli.output import check_writable, console, note, print_json
from hnetzoo.cli.progress import LineObserver
from hnetzoo.cli.train import DeviceOption, resolve_device
from hnetzoo.config import read_values
from hnetzoo.errors import ConfigError
from hnetzoo.observer import Silence
from hnetzoo.registry import discover

if TYPE_CHECKING:
    from hnetzoo.results import BenchmarkReport, BenchmarkRow, Skipped

STDOUT = Path("-")


def benchmark(
    model: Annotated[
        list[str] | None, typer.Option(help="A name, name@variant or run:PATH; may be repeated.", show_default=False)
    ] = None,
    dataset: Annotated[list[str] | None, typer.Option(help="A dataset; may be repeated.", show_default=False)] = None,
    seed: Annotated[list[int] | None, typer.Option(help="Seed of the data; may be repeated.", show_default="0")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of the datasets, dataset.*; may be repeated."),
    ] = None,
    suite: Annotated[Path | None, typer.Option(help="TOML file with models, datasets and seeds.")] = None,
    train: Annotated[bool, typer.Option("--train", help="Train learned models on each dataset first.")] = False,
    runs: Annotated[Path, typer.Option(help="Where --train keeps its run directories.")] = Path("runs/benchmark"),
    device: DeviceOption = "cpu",
    json: Annotated[Path | None, typer.Option(help="Write the JSON document here; - is stdout, alone.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables as Markdown here.")] = None,
) -> None:
    """Compare models with the Hungarian algorithm.

    Without options: all pretrained models and solvers on the DOA datasets, the scipy baseline first.
    """
    if suite and (model or dataset or seed or settings):
        raise ConfigError("--suite names models, datasets and seeds; leave out --model, --dataset, --seed and --set")
    values = read_values(overrides=settings or ())
    if values["model"] or values["trainer"]:
        raise ConfigError("benchmark --set takes settings of datasets, dataset.*; give others in a --suite")
    check_writable(None if json == STDOUT else json, markdown)
    from hnetzoo.benchmark import Training, default_suite, read_suite, run_benchmark

    quiet = json == STDOUT
    registry = discover()
    report = run_benchmark(
        read_suite(suite)
        if suite
        else default_suite(registry, model or (), dataset or (), seed or (), values["dataset"]),
        registry,
        training=Training(runs=runs, observer=Silence if quiet else LineObserver) if train else None,
        device=resolve_device(device),
        on_result=(lambda result: None) if quiet else _note,
    )
    _write(report, json, markdown)


def _note(result: "BenchmarkRow | Skipped") -> None:
    """Say on stderr what has been done."""
    from hnetzoo.results import BenchmarkRow

    if isinstance(result, BenchmarkRow):
        note(f"{result.dataset}, seed {result.seed}: {result.model} F1 {result.f1:.4f}")
    else:
        note(f"{result.dataset}: {result.model} {result.reason}")


def _write(report: "BenchmarkReport", json: Path | None, markdown: Path | None) -> None:
    from hnetzoo.checkpoint import write_file, write_json
    from hnetzoo.report.markdown import render_markdown
    from hnetzoo.report.terminal import terminal_tables

    if markdown:
        write_file(markdown, render_markdown(report).encode())
    if json == STDOUT:
        print_json(report.to_json())
        return
    if json:
        write_json(json, report.to_json())
    for table in terminal_tables(report):
        console().print(table)
