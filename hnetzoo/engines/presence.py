"""Processes by name: which machine a process is on, and whether one of this machine is alive."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from socket import gethostname

_DEAD = "ZX"  # states of processes that were killed and not yet collected by their parents


@dataclass(frozen=True)
class Presence:
    """A process.

    Fields:
        process: Its number on its machine.
        host: The name of the machine.
        place: What tells this machine, this start of it and this container from others.
        born: When the process began, in ticks; "" where the system does not say. Numbers of processes are used again.
    """

    process: int
    host: str
    place: str
    born: str = ""

    @classmethod
    def here(cls) -> "Presence":
        """Return this process."""
        return cls(os.getpid(), gethostname(), _place(), _stat(os.getpid())[1])

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"

    @property
    def is_near(self) -> bool:
        """Whether it is on this machine, so that this machine knows whether it is alive."""
        return self.place == _place()

    @property
    def is_alive(self) -> bool:
        """Whether a process of this machine is alive.

        Example:
            >>> Presence.here().is_alive
            True
        """
        state, born = _stat(self.process)
        if state:
            return state not in _DEAD and born == self.born
        try:
            os.kill(self.process, 0)
        except PermissionError:
            return True
        except OSError:
            return False
        return True


@cache
def _place() -> str:
    """Return a digest of the machine's name, of its present start, and of the container that this process sees."""
    parts = [gethostname()]
    try:
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(os.readlink("/proc/self/ns/pid"))
    except OSError:  # not Linux, or hidden
        pass
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _stat(process: int) -> tuple[str, str]:
    """Return the state and the time of birth of a process as Linux tells them; empty where it does not."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return fields[0], fields[19]
