"""`hnetzoo train MODEL`: train, select on validation, report on test."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import DeviceOption, ExecutorOption, JsonOption, QuietOption, SetOption, resolve_device
from hnetzoo.cli.output import check_writable, echo_wrapped, note, print_json, print_table
from hnetzoo.cli.processes import (
    CompileOption,
    PrecisionOption,
    ProcessesOption,
    interrupts_noted,
    one_of,
    start_processes,
    take_part,
)
from hnetzoo.cli.seeds import read_seeds, train_seeds
from hnetzoo.config import MAX_SEED, Values, read_values
from hnetzoo.errors import ConfigError
from hnetzoo.registry.command_options import as_toml
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.stdout import stdout_to_stderr
from hnetzoo.training.observer import Observer

if TYPE_CHECKING:
    from hnetzoo.benchmark.jobs import Options
    from hnetzoo.benchmark.plan import Job


REMEDY = (
    "train longer (--epochs), try another rate (--set trainer.learning_rate=...), or use a solver "
    "(see 'hnetzoo list models')"
)


def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A registered model.", show_default=False)],
    dataset: Annotated[str | None, typer.Option(help="A registered dataset; by default the model's.")] = None,
    trainer: Annotated[str | None, typer.Option(help="A registered trainer; by default the model's.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Short for --set trainer.epochs=N; more of them with --resume extend a run.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Short for --set trainer.batch_size=N.")] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Short for --set trainer.patience=N: stop after N epochs in a row without a better F1."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(metavar="NAME@VARIANT|run:PATH", help="Weights to start from; random ones by default."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Fixes data, initial weights and data order.")] = 0,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Several seeds, 0,1,2: each trains in a directory of its own inside --out.", show_default=False
        ),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many seeds train at once.", show_default="1")] = None,
    executor: ExecutorOption = "loky",
    device: DeviceOption = "auto",
    processes: ProcessesOption = None,
    precision: PrecisionOption = "float32",
    compiled: CompileOption = False,
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/MODEL-DATASET-seedN by default.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with tables model, trainer and dataset.")] = None,
    settings: SetOption = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Redraw a synthetic training split every epoch.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training in --out.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the training in --out and start over.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the resolved settings and stop.")] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with curves, settings and result here.", show_default=False)
    ] = None,
) -> None:
    """Train a model, keep the epoch with the best validation F1, and evaluate it on the test split."""
    with one_of(processes) as ranks:
        values = read_values(config, settings or ())
        several = read_seeds(seeds, seed, jobs, executor, html)
        if several and max(processes or 1, ranks.size) > 1:
            raise ConfigError("--seeds trains each seed in one process; leave out --processes, or train one --seed")
        check_writable(html)
        for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
            if value is not None:
                values["trainer"][name] = value
        with stdout_to_stderr():
            planned = _jobs(model, dataset, trainer, values, several or (seed,), init)
        from hnetzoo.benchmark.entrants import TrainingOptions
        from hnetzoo.benchmark.jobs import Options

        job, name = planned[0], f"seeds{'-'.join(map(str, several))}" if several else f"seed{seed}"
        training = TrainingOptions(
            out=out or Path("runs") / f"{model}-{job.task.title}-{name}",
            by_seed=bool(several),
            resume=resume or ranks.restarted,
            fresh=fresh and not ranks.restarted,
            resample=resample,
            precision=precision,
            compiled=compiled,
            ranks=ranks,
        )
        options = Options(device=resolve_device(device, elsewhere=executor != "loky"), training=training)
        if dry_run:
            if ranks.first:
                described = _describe(job, options, processes or ranks.size)
                _show(described | ({"seed": list(several)} if several else {}), json)
            return
        if several:
            train_seeds(planned, options, jobs, executor, json=json, quiet=quiet)
            return
        with interrupts_noted(ranks):
            if ranks.size == 1 and processes is not None and processes > 1:
                start_processes(job, processes)
            else:
                take_part(job, options, lambda: _lead(job, options, html, json=json, quiet=quiet))


def _lead(job: "Job", options: "Options", html: Path | None, *, json: bool, quiet: bool) -> None:
    """Train and evaluate, and show and write what comes of it."""
    from hnetzoo.cli.progress import progress

    directory = options.training.out
    assert directory is not None, "this command has one run directory"
    document_alone = stdout_to_stderr() if json else nullcontext()
    with document_alone, progress(silent=json or quiet) as observer:
        result = _run(job, options, observer)
    if html:
        _write_page(html, directory)
    if json:
        print_json({"run": str(directory), **result})
    else:
        _summarise(job, directory, result, quiet=quiet)


def _jobs(
    model: str,
    dataset: str | None,
    trainer: str | None,
    values: Values,
    seeds: Sequence[int],
    init: str | None = None,
) -> "Sequence[Job]":
    """Return a job for each seed: the model, its dataset and its trainer, with their settings."""
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.benchmark.plan import Entrant, Task, plan_jobs
    from hnetzoo.registry.resolution import resolve_start
    from hnetzoo.registry.specs import DatasetSpec, TrainerSpec

    chosen = resolve_start(model, init, registry, values["model"])
    how = registry.configure(TrainerSpec, trainer or chosen.spec.trainer, values["trainer"])
    problems = registry.configure(DatasetSpec, dataset or chosen.spec.dataset, values["dataset"])
    entrant = Entrant(title=model, choices=(chosen,), weights=chosen.verify(), trainer=how)
    task = Task(title=problems.spec.name, dataset=problems)
    return plan_jobs([entrant], [task], seeds, registry).jobs


def _run(job: "Job", options: "Options", observer: Observer) -> dict[str, Any]:
    """Return best_epoch, best_f1, the epoch of an early stop and the test row, after training and evaluation."""
    from hnetzoo.benchmark.jobs import JobRunner

    outcome = JobRunner(options, lambda: observer).outcome(job)
    last = outcome.last_epoch
    assert last is not None, "a trained model is never skipped, and no row is cached here"
    best = {"best_epoch": last.best_epoch, "best_f1": last.best_f1, "shortfall": last.shortfall}
    test = asdict(outcome.result)
    del test["outcomes"]  # result.json of the run directory keeps them
    return {**best, "stopped": outcome.stopped, "test": test}


def _write_page(path: Path, directory: Path) -> None:
    """Write the page of a run directory whose training has ended."""
    from hnetzoo.files import read_record, write_file
    from hnetzoo.report.html.training import render_training
    from hnetzoo.training.runs import RESULT, read_metrics, read_run

    page = render_training(read_run(directory), read_metrics(directory), read_record(directory / RESULT))
    write_file(path, page.encode())


def _describe(job: "Job", options: "Options", processes: int) -> dict[str, Any]:
    parts = (job.entrant.choices[0].component, job.entrant.trainer, job.task.dataset)
    named = {part.spec.kind: part for part in parts if part is not None}
    return {
        **{kind: part.spec.name for kind, part in named.items()},
        "settings": {kind: part.settings for kind, part in named.items()},
        "seed": job.seed,
        "device": options.device,
        "processes": processes,
        "precision": options.training.precision,
        "compile": options.training.compiled,
        "out": str(options.training.out),
        "resample": options.training.resample,
    }


def _show(document: dict[str, Any], json: bool) -> None:
    if json:
        print_json(document)
        return
    settings = document.pop("settings")
    rows = [(name, str(value)) for name, value in document.items()]
    rows += [(f"{section}.{key}", repr(value)) for section, table in settings.items() for key, value in table.items()]
    print_table("", ("what", "value"), rows, "Nothing was trained (--dry-run).")


def _summarise(job: "Job", directory: Path, result: Mapping[str, Any], *, quiet: bool) -> None:
    """Print the results, a warning if they are poor, and unless quiet the next command."""
    test, best = result["test"], result["best_epoch"]
    weighted = "" if test["weighted_f1"] is None else f", weighted F1 {test['weighted_f1']:.4f}"
    stopped = f", stopped after epoch {result['stopped']}" if result["stopped"] else ""
    typer.echo(f"best epoch {best}: validation F1 {result['best_f1']:.4f}{stopped}")
    echo_wrapped(
        f"test: F1 {test['f1']:.4f}{weighted}, exact {test['exact']:.4f}, {test['delta_f1']:+.4f} F1 against scipy's "
        f"assignment ({test['problems']:,} problems, seed {test['seed']})"
    )
    typer.echo(f"saved in {directory}")
    if result["shortfall"]:
        note(f"warning: best validation F1 {result['best_f1']:.4f}, {result['shortfall']}; {REMEDY}")
    if quiet:
        return
    changed = job.task.dataset.config.model_dump(mode="json", exclude_defaults=True)
    settings = (f"--set {shlex.quote(f'dataset.{key}={as_toml(value)}')}" for key, value in changed.items())
    command = f"hnetzoo benchmark --model hungarian --model run:{directory} --dataset {job.task.title}"
    typer.echo(" ".join([f"next: {command}", *settings]))
