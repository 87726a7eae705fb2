"""A layer that makes one file operation of a process fail: it is killed there, or the disk is full.

Operations are those that change files under a folder: opening to write, renaming, deleting, making or removing a
folder, and writing through to the disk. What is killed while it writes through leaves half of the file behind.
"""

import errno
import mmap
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

Action = Literal["count", "kill", "full"]
_CHANGES = {"os.rename": 0, "os.remove": 0, "os.mkdir": 0, "os.rmdir": 0, "os.truncate": 0}  # where the path stands
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Operations:
    """Counts the file operations of a forked child, and lets number `at` fail.

    Made before the fork; `count` is read after it, and `install` is called in the child.
    """

    def __init__(self, at: int = 0, action: Action = "count") -> None:
        self._shared = mmap.mmap(-1, 8)
        self.at, self.action = at, action

    @property
    def count(self) -> int:
        """How many operations there were so far."""
        return int.from_bytes(self._shared[:8], "little")

    def install(self, folder: Path) -> None:
        """Watch this process from now on; there is no way back."""
        watched = str(folder.resolve())
        inside = Path(watched)

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            path = _changed_path(event, arguments)
            if (
                path is not None
                and str(inside / path).startswith(watched)
                and not Path(path).name.startswith(".command")
            ):
                self._step(lambda: None)

        sys.addaudithook(hook)
        sync = os.fsync

        def fsync(descriptor: int) -> None:
            self._step(lambda: _halve(descriptor))
            sync(descriptor)

        os.fsync = fsync  # type: ignore[assignment]

    def _step(self, damage: Callable[[], object]) -> None:
        number = self.count + 1
        self._shared[:8] = number.to_bytes(8, "little")
        if number != self.at:
            return
        if self.action == "kill":
            damage()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.action == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _changed_path(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Return the path that an audited event is about to change, if any."""
    if event == "open":
        path, mode, flags = arguments
        writes = flags & _WRITING or (isinstance(mode, str) and set(mode) & set("wax+"))
        return os.fspath(path) if writes and isinstance(path, str | os.PathLike) else None
    if event in _CHANGES:
        path = arguments[_CHANGES[event]]
        return os.fspath(path) if isinstance(path, str | os.PathLike) else None
    return None


def _halve(descriptor: int) -> None:
    """Cut a file to half of its size; a folder cannot be cut."""
    try:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
    except OSError:
        return
