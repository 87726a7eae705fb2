"""A log per item of a command: what its workers said, and how often it was begun, by whom, and with what end."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hnetzoo.engines.presence import Presence

LOGS = "logs"
BEGUN, ENDED, INTERRUPTED, TRAINING = "begun by ", "ended", "interrupted", "training begins"
_LONGEST_NAME = 80
_TAIL = 4096  # bytes of a log that its last line is looked for in
_LOG = logging.getLogger("hnetzoo")


@dataclass(frozen=True)
class Attempts:
    """How an item fared before.

    Fields:
        workers: Who began it, in turn.
        ended: How many of them brought it to an end.
        interrupted: How many were told to stop, and will be started again.
        trained: Whether one of them began to train its model.
    """

    workers: tuple[str, ...] = ()
    ended: int = 0
    interrupted: int = 0
    trained: bool = False

    @property
    def died(self) -> int:
        """How many workers did not come to an end, and were not told to stop."""
        return len(self.workers) - self.ended - self.interrupted


def command_folder(folder: Path) -> Path:
    """Return a folder for the logs of this command, of a name that no other command has."""
    here = Presence.here()
    return folder / LOGS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{here.host}-{here.process}"


def log_path(folder: Path, index: int, title: str) -> Path:
    """Return the log of an item.

    Example:
        >>> log_path(Path("logs"), 7, "hnetgru on doa, seed 0").name
        '00007-hnetgru-on-doa-seed-0.log'
    """
    name = re.sub(r"[^A-Za-z0-9.@=]+", "-", title)[:_LONGEST_NAME].strip("-")
    return folder / f"{index:05d}-{name}.log"


def read_attempts(path: Path) -> Attempts:
    """Return what a log says of attempts; none, if there is no such file."""
    try:
        lines = [line.partition(" ")[2] for line in path.read_text(errors="replace").splitlines()]
    except OSError:
        return Attempts()
    return Attempts(
        tuple(line.removeprefix(BEGUN) for line in lines if line.startswith(BEGUN)),
        lines.count(ENDED),
        lines.count(INTERRUPTED),
        any(line.startswith(TRAINING) for line in lines),
    )


def last_line(path: Path) -> str:
    """Return the last line of a log without its time; "" if there is none."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").splitlines()
        return lines[-1].partition(" ")[2] if lines else ""
    return ""


def add_line(path: Path, text: str) -> None:
    """Add a line with the time to a log."""
    with path.open("a") as file:
        file.write(f"{_now()} {text}\n")


@contextmanager
def logged(path: Path) -> Iterator[None]:
    """Add to a log that this process begins an item, what hnetzoo logs in the `with` block, and that it ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    add_line(path, f"{BEGUN}{Presence.here()}")
    handler = logging.FileHandler(path)
    formatter = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    level = _LOG.level
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    try:
        yield
        add_line(path, ENDED)
    finally:
        _LOG.setLevel(level)
        _LOG.removeHandler(handler)
        handler.close()


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
