"""Call a function in a forked child process, where foreign code may hang, crash or exit without harm. Torch-free."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

_HEADER = 8  # bytes of the length that goes before an answer
_CHUNK = 1 << 16


class ChildError(Exception):
    """The child process gave no answer; the text says how it ended."""


def can_fork() -> bool:
    """Return whether a child can be forked: the system does it safely, and no thread of this process would be lost."""
    threaded = threading.active_count() > 1 or not sys.modules.keys().isdisjoint({"numpy", "torch"})
    return hasattr(os, "fork") and sys.platform != "darwin" and not threaded


def call_in_child(function: Callable[[], bytes], limit_s: float) -> bytes:
    """Return what a function returns in a forked child, which is ended after that.

    Raises:
        ChildError: If it does not return within `limit_s` seconds, or the child ends before.

    Example:
        >>> call_in_child(lambda: b"answer", limit_s=10) if can_fork() else b"answer"
        b'answer'
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(function, writing)
    os.close(writing)
    try:
        return _receive(reading, child, limit_s)
    finally:
        os.close(reading)
        with suppress(OSError):  # it has ended
            os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def _answer(function: Callable[[], bytes], writing: int) -> None:
    """Write what the function returns and end this process, whatever happens."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        content = function()
        message = len(content).to_bytes(_HEADER, "big") + content
        while message:
            message = message[os.write(writing, message) :]
        code = 0
    finally:
        os._exit(code)


def _receive(reading: int, child: int, limit_s: float) -> bytes:
    deadline = time.monotonic() + limit_s
    content, expected = b"", None
    while expected is None or len(content) < expected:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise ChildError(f"it took longer than {limit_s:g} s")
        chunk = os.read(reading, _CHUNK)
        if not chunk:
            raise ChildError(_ending(child))
        content += chunk
        if expected is None and len(content) >= _HEADER:
            expected = _HEADER + int.from_bytes(content[:_HEADER], "big")
    return content[_HEADER:]


def _ending(child: int) -> str:
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return f"it ended the process with code {code}" if code >= 0 else f"it crashed ({signal.Signals(-code).name})"
