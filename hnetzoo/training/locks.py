"""One owner at a time of a run directory, by a lock of the operating system, which a killed owner leaves free.

The lock is a file inside the directory that is never deleted, since a new file would be another lock.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import gethostname

from filelock import FileLock, Timeout

from hnetzoo.errors import ConfigError
from hnetzoo.training.runs import LOCK

_LOG = logging.getLogger(__name__)
NAME_TRIALS, NAME_WAIT = 10, 0.05  # s


@contextmanager
def owned(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Own a run directory in a `with` block; it is created if missing.

    Args:
        path: The directory.
        wait: Wait until the present owner is done; otherwise a directory that has one is refused.

    Raises:
        ConfigError: If another process or thread owns it.

    Example:
        >>> from tempfile import mkdtemp
        >>> with owned(Path(mkdtemp())):
        ...     print("mine")
        mine
    """
    path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner = _owner(path)
        if not wait:
            raise ConfigError(f"'{path}' is in use by {owner}; wait for it to end, or choose another --out") from None
        _LOG.warning("waiting for %s, which trains in '%s'", owner, path)
        lock.acquire()
    try:
        with suppress(OSError):  # its name is a courtesy, and a locked file cannot be written everywhere
            (path / LOCK).write_text(f"process {os.getpid()} on {gethostname()}")
        yield
    finally:
        with suppress(OSError):  # or the next one would be taken for this one, until it has written its name
            (path / LOCK).write_text("")
        lock.release()


def _owner(path: Path) -> str:
    """Return the name in a lock, which is there a moment after the lock is taken."""
    for _ in range(NAME_TRIALS):
        with suppress(OSError, UnicodeDecodeError):
            if name := " ".join((path / LOCK).read_text().split()):
                return name
        time.sleep(NAME_WAIT)
    return "another process"
