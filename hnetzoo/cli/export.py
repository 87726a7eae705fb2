"""`hnetzoo export MODEL --out FILE.onnx`: write a model for runtimes without Python."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from hnetzoo.cli.options import JsonOption, SetOption
from hnetzoo.cli.output import check_writable, print_json
from hnetzoo.config import read_values
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.stdout import stdout_to_stderr

SUFFIX = ".onnx"


def export_command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A name, name@variant or run:PATH.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The .onnx file to write.", show_default=False)],
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write a model as an ONNX file, once onnxruntime has answered as torch does.

    Inputs are distance, row_mask and col_mask, of models that take features also row_features and col_features, of any
    size unless the model has a fixed one; the output is logits. Needs the extra onnx.
    """
    if out.suffix != SUFFIX:
        raise ConfigError(f"--out '{out}' is no {SUFFIX} file; give it that suffix")
    check_writable(out)
    values = read_values(overrides=settings or ())
    if values["trainer"] or values["dataset"]:
        raise ConfigError("export takes settings of the model alone; use --set model.KEY=VALUE")
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.export import Agreement, write_onnx

    with stdout_to_stderr():
        facts = write_onnx(model, out, registry=registry, **values["model"])
    size = out.stat().st_size
    if json:
        print_json({"out": str(out), "bytes": size, **facts})
        return
    n, m = facts["shape"] or ("n", "m")
    typer.echo(f"wrote {model} for b problems of {n} x {m} to {out} ({size / 1e3:,.0f} kB)")
    agreement = Agreement(**{field.name: facts[field.name] for field in fields(Agreement)})
    typer.echo(f"onnxruntime answers as torch does: {agreement}")
