"""`hnetzoo new NAME`: write a complete plugin package to edit."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hnetzoo.registry.scaffold import render_package, write_package


class Kind(StrEnum):
    """What the package declares."""

    model = "model"
    dataset = "dataset"
    trainer = "trainer"


_LAST_COMMAND = {
    Kind.model: "hnetzoo train {name} --epochs 1",
    Kind.dataset: "hnetzoo benchmark --dataset {name}",
    Kind.trainer: "hnetzoo train hnetgru --trainer {name} --epochs 1",
}


def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in acme-net; also the folder.", show_default=False)],
    kind: Annotated[Kind, typer.Option(help="What the package declares.")] = Kind.model,
) -> None:
    """Write an installable plugin package with a small working model, dataset or trainer, and its tests."""
    folder = Path(name)
    contents = render_package(name, kind.value)
    write_package(folder, contents)
    for path in contents:
        typer.echo(f"wrote {folder / path}")
    typer.echo("next:")
    for command in (
        f"pip install --editable './{name}[test]'",
        f"python -m pytest {name}",
        f"hnetzoo check {name}",
        _LAST_COMMAND[kind].format(name=name),
    ):
        typer.echo(f"  {command}")
