"""Options shared by several commands."""

from typing import Annotated

import typer

from hnetzoo.errors import ConfigError

DeviceOption = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ...; auto is cuda if available.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show no progress and no notes; results and errors stay.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting: model.*, trainer.* or dataset.*; may be repeated."),
]
ExecutorOption = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="ENGINE",
        help="What runs jobs: loky (processes here), dask:ADDRESS, slurm, slurm:NAME=VALUE,... or slurm:local.",
    ),
]


def resolve_device(name: str, *, elsewhere: bool = False) -> str:
    """Return the device, resolving "auto".

    Args:
        name: Of the device.
        elsewhere: Whether models run on other machines, whose devices this one need not have.

    Raises:
        ConfigError: If torch does not know or have the device.
    """
    import torch

    if elsewhere and name != "auto":
        return name
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device '{name}' cannot be used ({reason}); choose cpu, or auto") from None
    return name
