"""The place of this process among those that train together, as torchrun and schedulers tell it. Torch-free.

The first process alone writes files and shows progress. An error that all processes run into is told once: the first
one tells it at once, and the others after a while, in which whatever started them has ended them.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from hnetzoo.errors import ConfigError, ResourceError

ATTEMPT = "HNETZOO_ATTEMPT"  # environment variable: how often `hnetzoo.training.launch` has started the processes anew
WATCH_S = 1.0  # how often a process looks whether its parent is alive
SILENT_S = 3.0  # how long the others keep an error to themselves
LOST = ("gloo/transport", "Connection closed by peer", "Connection reset by peer")  # of a dead process, in gloo's words
LOG_LEVEL = "TORCH_CPP_LOG_LEVEL"  # environment variable, read when torch is imported


class Ranks(NamedTuple):
    """The place of a process among those that train together.

    Fields:
        rank: From 0; the process of rank 0 is the first.
        size: Number of processes.
        local_size: Number of them on this machine.
    """

    rank: int = 0
    size: int = 1
    local_size: int = 1

    @classmethod
    def of_this_process(cls) -> "Ranks":
        """Return the place that RANK, WORLD_SIZE and LOCAL_WORLD_SIZE tell; that of a single process without them.

        Raises:
            ConfigError: If they are no numbers, or do not fit together.
        """
        size = _number("WORLD_SIZE", 1)
        ranks = cls(_number("RANK", 0), size, _number("LOCAL_WORLD_SIZE", size)) if size > 1 else cls()
        if not ranks.rank < ranks.size:
            raise ConfigError(f"RANK is {ranks.rank}, and WORLD_SIZE {ranks.size}; ranks begin at 0")
        return ranks

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and shows progress."""
        return self.rank == 0

    @property
    def restarted(self) -> bool:
        """Whether these processes were started in place of others that died, and go on from their checkpoint."""
        return any(_number(name, 0) > 0 for name in (ATTEMPT, "TORCHELASTIC_RESTART_COUNT"))


ALONE = Ranks()
"""The place of a process that trains alone."""


def is_launched() -> bool:
    """Return whether `hnetzoo.training.launch` has started this process, and tells how it ended."""
    return ATTEMPT in os.environ


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdecimal():
        raise ConfigError(f"the environment variable {name} is '{text}', and not a number; torchrun sets it")
    return int(text)


def check_processes(processes: int, model: str, batch_size: int, *, fitted: bool) -> None:
    """Raise ConfigError if so many processes cannot train a model.

    Example:
        >>> check_processes(2, "forest", 256, fitted=True)
        Traceback (most recent call last):
        ...
        hnetzoo.errors.ConfigError: model 'forest' is fitted without steps, in one process; leave out --processes
    """
    if processes > 1 and fitted:
        raise ConfigError(f"model '{model}' is fitted without steps, in one process; leave out --processes")
    if processes > batch_size:
        raise ConfigError(
            f"{processes} processes exceed the {batch_size} problems of a batch; use fewer --processes, or a larger "
            "--batch-size"
        )


@contextmanager
def told_once(ranks: Ranks) -> Iterator[None]:
    """Have an error in a `with` block told by one process.

    Raises:
        ResourceError: If another process died, and nothing has ended this one.
    """
    try:
        yield
    except Exception as error:
        if ranks.size == 1:
            raise
        lost = _is_of_a_lost_process(error)
        time.sleep(2 * SILENT_S if lost else 0 if ranks.first else SILENT_S)
        if lost:
            raise ResourceError(
                "another process of the training has ended; continue with the same command and --resume"
            ) from None
        raise


def _is_of_a_lost_process(error: Exception) -> bool:
    """Return whether an error is what gloo or nccl say where another process has died."""
    of_torch = type(error).__module__.startswith("torch") and type(error).__name__.startswith("Dist")
    return of_torch or (isinstance(error, RuntimeError) and any(text in str(error) for text in LOST))


def prepare_process(ranks: Ranks) -> None:
    """Make this process one of several, before torch is imported.

    It ends silently when asked to, and by itself when its parent is killed; the first one unwinds after an interrupt.
    Of torch's own reports, only errors are shown.
    """
    os.environ.setdefault(LOG_LEVEL, "ERROR")
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler if ranks.first else signal.SIG_DFL)
    end_with(os.getppid())


def end_with(parent: int) -> None:
    """End this process soon after a parent that was killed, and cannot end its children any more."""
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_S)
    os._exit(1)
