"""One item of work in a worker: in the folder of its command, logged, and given up where workers died of it."""

import threading
from collections.abc import Callable
from contextlib import chdir, nullcontext
from dataclasses import dataclass
from pathlib import Path
from socket import gethostname
from typing import Protocol, TypeVar

from hnetzoo.engines.logs import Attempts, log_path, logged, read_attempts
from hnetzoo.errors import ConfigError, HnetzooError

MOST_DEATHS = 2
_ONE_AT_A_TIME = threading.Lock()  # workers of dask may have several threads, and models change global state


class Item(Protocol):
    """What is worked on: plain data."""

    @property
    def index(self) -> int:
        """Its place among the items of the command."""

    @property
    def title(self) -> str:
        """What it is called in logs."""


ItemType = TypeVar("ItemType", bound=Item)
Result = TypeVar("Result")
Work = Callable[[ItemType, Attempts], Result]


class WorkerDiedError(HnetzooError):
    """The workers of an item died, and it was given up."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """Where the workers of a command work.

    Fields:
        folder: The working directory of the command, which relative paths start from.
        logs: The folder of its logs; None keeps none.
        gives_up: Whether workers refuse an item that `MOST_DEATHS` workers died of. Without that, the engine itself
            knows which item a worker died of.
    """

    folder: Path
    logs: Path | None = None
    gives_up: bool = False

    def log_of(self, item: Item) -> Path | None:
        """Return the log of an item, if it has one."""
        return None if self.logs is None else log_path(self.logs, item.index, item.title)

    def workers_of(self, item: Item) -> str:
        """Return who worked on an item last, as far as its log says."""
        log = self.log_of(item)
        workers = read_attempts(log).workers[-MOST_DEATHS:] if log else ()
        return " and ".join(dict.fromkeys(workers))

    def died(self, item: Item) -> "WorkerDiedError":
        """Return the error of an item whose workers died, which names them."""
        workers = self.workers_of(item)
        named = f" ({workers})" if workers else ""
        return WorkerDiedError(f"the worker process died{named}; it was killed, or out of memory")


def run_item(work: Work[ItemType, Result], place: Workplace, item: ItemType) -> Result:
    """Return the result of work on an item, in a worker.

    Raises:
        WorkerDiedError: If too many workers died of the item.
        ConfigError: If the folder of the command is not on this machine.
    """
    if not place.folder.is_dir():
        raise ConfigError(
            f"{gethostname()} has no folder '{place.folder}'; start the command in one that all machines share"
        )
    log = place.log_of(item)
    with _ONE_AT_A_TIME, chdir(place.folder):
        before = read_attempts(log) if log else Attempts()
        if place.gives_up and before.died >= MOST_DEATHS:
            raise place.died(item)
        with logged(log) if log else nullcontext():
            return work(item, before)
