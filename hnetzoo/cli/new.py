"""`hnetzoo new NAME`: write a complete plugin package to edit."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hnetzoo.registry.scaffold import commands_to_try, render_package, write_package


class Kind(StrEnum):
    """What the package declares."""

    model = "model"
    dataset = "dataset"
    trainer = "trainer"


def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in acme-net; also the folder.", show_default=False)],
    kind: Annotated[
        list[Kind] | None, typer.Option(help="What the package declares; may be repeated.", show_default="model")
    ] = None,
) -> None:
    """Write an installable plugin package with a small working model, dataset or trainer, and its tests."""
    folder, kinds = Path(name), [chosen.value for chosen in kind or [Kind.model]]
    contents = render_package(name, *kinds)
    write_package(folder, contents)
    for path in contents:
        typer.echo(f"wrote {folder / path}")
    typer.echo("next:")
    for command in (
        f"pip install --editable './{name}[test]'",
        f"python -m pytest {name}",
        f"hnetzoo check {name}",
        *commands_to_try(name, *kinds),
    ):
        typer.echo(f"  {command}")
