"""Run a command in a child process and watch it: exit code, output, time, memory, and what it leaves running.

A forked child starts in a tenth of a second, since this process has imported everything; a fresh one is what a user
starts.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

LIMIT_S = 120.0
ORPHANS_S = 10.0
POLL_S = 0.005
START = "from hnetzoo.cli import main; main()"
QUIET = {"OMP_NUM_THREADS": "1", "COLUMNS": "100"}


class Outcome(NamedTuple):
    """How a command ended: exit code (-9 if killed), output, time [s], peak memory [MiB], processes left behind."""

    arguments: Sequence[str]
    code: int
    out: str
    err: str
    seconds: float
    peak_mib: int
    orphans: int


def forked(
    folder: Path,
    arguments: Sequence[str],
    before: Callable[[], object] = lambda: None,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Return the outcome of `hnetzoo ARGUMENTS` in a fork of this process, inside a folder.

    Args:
        folder: The working directory.
        arguments: Of the command line.
        before: Called in the child before the command starts.
        environment: Added to that of this process.
    """
    return end(begin(folder, arguments, before, environment), folder, arguments)


def begin(
    folder: Path,
    arguments: Sequence[str],
    before: Callable[[], object] = lambda: None,
    environment: Mapping[str, str] | None = None,
) -> int:
    """Return the process of a command that was begun as by `forked`, one at a time in a folder."""
    pid = os.fork()
    if pid == 0:
        _become(folder, arguments, before, environment or {})
    return pid


def end(pid: int, folder: Path, arguments: Sequence[str]) -> Outcome:
    """Wait for a command that was begun and return its outcome."""
    return _watch(pid, folder, arguments)


def fresh(
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str] | None = None,
    act: Callable[[int], object] = lambda pid: None,
) -> Outcome:
    """Return the outcome of `hnetzoo ARGUMENTS` in a process of its own, on which `act` may act meanwhile."""
    started = start(folder, arguments, environment)
    act(started.pid)
    return finish(started, folder, arguments)


def start(
    folder: Path, arguments: Sequence[str], environment: Mapping[str, str] | None = None, log: str = "command"
) -> subprocess.Popen[bytes]:
    """Start `hnetzoo ARGUMENTS` in a session of its own, writing to LOG.out and LOG.err in the folder."""
    with (folder / f".{log}.out").open("wb") as out, (folder / f".{log}.err").open("wb") as err:
        return subprocess.Popen(
            [sys.executable, "-c", START, *arguments],
            cwd=folder,
            env={**os.environ, **QUIET, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )


def finish(started: "subprocess.Popen[bytes]", folder: Path, arguments: Sequence[str], log: str = "command") -> Outcome:
    """Wait for a started command and return its outcome."""
    outcome = _watch(started.pid, folder, arguments, log)
    started.returncode = outcome.code  # it was waited for
    return outcome


def _become(
    folder: Path, arguments: Sequence[str], before: Callable[[], object], environment: Mapping[str, str]
) -> None:
    """Turn this child into the command, and end it as the interpreter would."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        for descriptor, name in ((0, os.devnull), (1, ".command.out"), (2, ".command.err")):
            flags = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(name, flags), descriptor)
        for number, stream in ((1, "stdout"), (2, "stderr")):
            setattr(sys, stream, os.fdopen(number, "w", closefd=False))
            setattr(sys, f"__{stream}__", getattr(sys, stream))
        os.environ.update({**QUIET, **environment})
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["hnetzoo", *arguments]
        before()
        code = _run()
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _run() -> int:
    from hnetzoo.cli import main

    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0) if not isinstance(ended.code, str) else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _watch(pid: int, folder: Path, arguments: Sequence[str], log: str = "command") -> Outcome:
    began, killed = time.monotonic(), False
    while True:
        found, status, usage = os.wait4(pid, os.WNOHANG)
        if found:
            break
        if time.monotonic() - began > LIMIT_S and not killed:
            os.killpg(pid, signal.SIGKILL)
            killed = True
        time.sleep(POLL_S)
    seconds = time.monotonic() - began
    texts = [(folder / f".{log}.{end}").read_text(errors="replace") for end in ("out", "err")]
    code = os.waitstatus_to_exitcode(status)
    return Outcome(arguments, code, *texts, seconds, usage.ru_maxrss // 1024, _left_behind(pid))


def _left_behind(session: int) -> int:
    """Return how many processes of a session are alive 10 s later, and kill them."""
    deadline = time.monotonic() + ORPHANS_S
    while (alive := _members(session)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    for pid in alive:
        os.kill(pid, signal.SIGKILL)
    return len(alive)


def _members(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            if int(fields[3]) == session and fields[0] not in "ZX":
                found.append(int(entry.name))
    return found
