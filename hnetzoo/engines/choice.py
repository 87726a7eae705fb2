"""Which engine runs the work of a command, as `--executor` names it. Torch-free, and imports no engine."""

from dataclasses import dataclass
from typing import Literal

from hnetzoo.errors import ConfigError

ACCEPTED = "loky, dask:ADDRESS, slurm, slurm:NAME=VALUE,... or slurm:local"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine.

    Fields:
        kind: "loky" starts processes of this machine, "dask" hands work to a cluster of dask.distributed, "slurm"
            submits it through submitit, and "local" does so on this machine.
        address: Of the scheduler of dask, or the path of its file.
        parameters: Of submitit, by name.
    """

    kind: Literal["loky", "dask", "slurm", "local"] = "loky"
    address: str = ""
    parameters: tuple[tuple[str, int | str], ...] = ()

    @property
    def is_shared(self) -> bool:
        """Whether work may run on other machines, so that its files must be where all of them find them."""
        return self.kind != "loky"

    @property
    def usual_workers(self) -> int:
        """How many workers there are if nobody says; 0 means as many as the engine has."""
        return 0 if self.kind == "dask" else 1

    @classmethod
    def parse(cls, text: str) -> "Engine":
        """Return the engine that a text names.

        Raises:
            ConfigError: If there is none.

        Example:
            >>> Engine.parse("slurm:partition=short,timeout_min=60").parameters
            (('partition', 'short'), ('timeout_min', 60))
        """
        kind, colon, rest = text.partition(":")
        if text == "loky":
            return cls()
        if kind == "dask" and rest:
            return cls(kind="dask", address=rest)
        if text == "slurm:local":
            return cls(kind="local")
        if kind == "slurm" and bool(colon) == bool(rest):
            return cls(kind="slurm", parameters=tuple(_parameter(part) for part in rest.split(",") if colon))
        raise ConfigError(f"unknown executor '{text}'; give {ACCEPTED}")


def _parameter(text: str) -> tuple[str, int | str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise ConfigError(f"'{text}' of the executor is no parameter; give slurm:NAME=VALUE,...")
    return name, int(value) if value.isdigit() else value
