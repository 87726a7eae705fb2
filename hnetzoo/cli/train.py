"""`hnetzoo train MODEL`: train, select on validation, report on test."""

import shlex
from dataclasses import asdict
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.output import JsonOption, note, print_json, print_table
from hnetzoo.config import read_values
from hnetzoo.registry.discovery import discover

if TYPE_CHECKING:
    from hnetzoo.training.fit import Job, TrainingResult

DeviceOption = Annotated[
    str, typer.Option("--device", help="cpu, cuda, cuda:1, ...; auto takes cuda where there is one.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting: model.*, trainer.* or dataset.*; may be repeated."),
]


def train(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A registered model.", show_default=False)],
    dataset: Annotated[str | None, typer.Option(help="A registered dataset; the model's own by default.")] = None,
    trainer: Annotated[str | None, typer.Option(help="A registered trainer; the model's own by default.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Short for --set trainer.epochs=N.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Short for --set trainer.batch_size=N.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Fixes data, initial weights and data order.")] = 0,
    device: DeviceOption = "auto",
    out: Annotated[Path | None, typer.Option(help="Run directory; runs/MODEL-DATASET-seedN by default.")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with tables model, trainer and dataset.")] = None,
    settings: SetOption = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Redraw a synthetic training split every epoch.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the training that --out holds.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the training that --out holds.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the resolved settings and stop.")] = False,
    json: JsonOption = False,
) -> None:
    """Train a model; the best validation epoch is kept and put to the test."""
    values = read_values(config, settings or ())
    for name, value in (("epochs", epochs), ("batch_size", batch_size)):
        if value is not None:
            values["trainer"][name] = value
    from hnetzoo.registry.components import configure
    from hnetzoo.training import fit as training

    registry = discover()
    spec = registry.model(model)
    dataset_spec = registry.dataset(dataset or spec.dataset)
    job = training.Job(
        model=configure(spec, values["model"]),
        dataset=configure(dataset_spec, values["dataset"]),
        trainer=configure(registry.trainer(trainer or spec.trainer), values["trainer"]),
        out=out or Path("runs") / f"{model}-{dataset_spec.name}-seed{seed}",
        seed=seed,
        device=resolve_device(device),
        resample=resample,
        resume=resume,
        fresh=fresh,
        plugin=registry.provider(spec).id,
    )
    if dry_run:
        _show(_describe(job), json)
        return
    from hnetzoo.cli.progress import progress

    try:
        with progress(silent=json) as observer:
            result = training.train(job, observer)
    except (KeyboardInterrupt, SystemExit):
        note("hnetzoo: interrupted; continue with the same command and --resume")
        raise
    if json:
        print_json({"run": str(job.out), **asdict(result)})
    else:
        _summarise(job, result)


def resolve_device(name: str) -> str:
    """Turn "auto" into the device that there is; raises ConfigError if torch does not know or have the device."""
    import torch

    from hnetzoo.errors import ConfigError

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device '{name}' cannot be used ({reason}); choose cpu, or auto") from None
    return name


def _describe(job: "Job") -> dict[str, Any]:
    parts = (job.model, job.trainer, job.dataset)
    document = {part.spec.kind: part.spec.name for part in parts}
    return {
        **document,
        "settings": {part.spec.kind: part.config.model_dump(mode="json") for part in parts},
        "seed": job.seed,
        "device": job.device,
        "out": str(job.out),
        "resample": job.resample,
    }


def _show(document: dict[str, Any], json: bool) -> None:
    if json:
        print_json(document)
        return
    settings = document.pop("settings")
    rows = [(name, str(value)) for name, value in document.items()]
    rows += [(f"{section}.{key}", repr(value)) for section, table in settings.items() for key, value in table.items()]
    print_table("", ("what", "value"), rows, "Nothing was trained (--dry-run).")


def _summarise(job: "Job", result: "TrainingResult") -> None:
    """Say how it ended, and what to type next."""
    test = result.test
    weighted = "" if test.weighted_f1 is None else f", weighted F1 {test.weighted_f1:.4f}"
    typer.echo(f"best epoch {result.best_epoch}: validation F1 {result.best_f1:.4f}")
    typer.echo(
        f"test: F1 {test.f1:.4f}{weighted}, exact {test.exact:.4f}, {test.delta_f1:+.4f} F1 against scipy's assignment "
        f"({test.problems:,} problems, seed {test.seed})"
    )
    typer.echo(f"saved in {job.out}")
    changed = job.dataset.config.model_dump(mode="json", exclude_defaults=True)
    settings = (f"--set {shlex.quote(f'dataset.{key}={_as_toml(value)}')}" for key, value in changed.items())
    command = f"hnetzoo benchmark --model hungarian --model run:{job.out} --dataset {job.dataset.spec.name}"
    typer.echo(" ".join([f"next: {command}", *settings]))


def _as_toml(value: Any) -> str:
    """Write a setting's value as --set reads it; texts stand as they are."""
    return value if isinstance(value, str) else dumps(value, separators=(",", ":"))
