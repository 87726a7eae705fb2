"""`hnetzoo export MODEL --out FILE.onnx`: write a model for runtimes without Python."""

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
    from hnetzoo.export import write_onnx
    from hnetzoo.registry.resolution import resolve_model

    with stdout_to_stderr():
        agreement, facts = write_onnx(resolve_model(model, registry, values["model"]), out)
    if json:
        print_json({"out": str(out), "bytes": out.stat().st_size, **facts, **agreement.to_json()})
        return
    sizes = "problems of any size" if facts["shape"] == "any" else f"problems of {facts['shape']}"
    typer.echo(f"wrote {model} for any number of {sizes} to {out} ({out.stat().st_size / 1e3:,.0f} kB)")
    typer.echo(f"onnxruntime answers as torch does: {agreement}")
