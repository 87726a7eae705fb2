"""`hnetzoo import SOURCE --out PATH`: safely import a checkpoint or data pickle of the original Hnet."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hnetzoo.cli.options import JsonOption
from hnetzoo.cli.output import print_json
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry


def import_command(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="A torch checkpoint or a data pickle.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="A new run directory, or a new .npz file.", show_default=False)],
    model: Annotated[str, typer.Option("--model", help="The registered model of a checkpoint.")] = "hnetgru",
    json: JsonOption = False,
) -> None:
    """Turn a checkpoint of the original Hnet into a run directory, or its data pickle into a .npz file.

    The file is read in a process of its own with limits on memory and time, and no code in it is run.
    """
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.legacy.importing import kind_of
    from hnetzoo.legacy.reader import CHECKPOINT

    kind = kind_of(source)
    done = _checkpoint(source, out, model, registry) if kind == CHECKPOINT else _data(source, out)
    if json:
        print_json({"kind": kind, "source": str(source), "out": str(out), **done})
        return
    n, m = done["shape"]
    if kind == CHECKPOINT:
        typer.echo(f"wrote weights of {done['model']} for {n} x {m} problems to {out}")
        typer.echo(f"next: hnetzoo benchmark --model run:{out}")
    else:
        typer.echo(f"wrote {done['problems']:,} problems of {n} x {m} to {out}")
        typer.echo(f"next: hnetzoo train {model} --dataset npz --set dataset.path={out}")


def _checkpoint(source: Path, out: Path, model: str, registry: Registry) -> dict[str, Any]:
    from hnetzoo.legacy.importing import import_checkpoint
    from hnetzoo.registry.specs import ModelSpec

    record = import_checkpoint(source, out, registry.configure(ModelSpec, model))
    return {"model": record.model, "shape": list(record.shape), "sha256": record.source["sha256"]}


def _data(source: Path, out: Path) -> dict[str, Any]:
    from hnetzoo.legacy.importing import import_data

    b, *shape = import_data(source, out).distance.shape
    return {"problems": b, "shape": shape}
