"""A child process that does the work of a dask worker, whose own threads draw from Python's global random state.

python -m hnetzoo.engines.child reads the path of modules and then work, pickled, and answers with results. It ends with
its parent.
"""

import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from typing import Any

from hnetzoo.engines.workers import THREADS, start_worker

_LOCK = threading.Lock()
_children: list["Child"] = []


class InChild:
    """Work that is done in the child of whichever process it is called in, one at a time.

    Args:
        work: Takes no arguments; it and its result must survive pickling.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work

    def __call__(self) -> Any:
        """Return the result of the work; raises BrokenExecutor if the child died."""
        with _LOCK:
            if not _children:
                _children.append(Child())
            try:
                return _children[0].run(self.work)
            except BrokenExecutor:
                _children.clear()
                raise


class Child:
    """A child process that does work."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=os.environ | THREADS
        )
        self._send(sys.path)

    def run(self, work: Callable[[], Any]) -> Any:
        """Return the result of work; raises BrokenExecutor if the child died of it."""
        assert self.process.stdout is not None, "a pipe"
        try:
            self._send(work)
            return pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            self.process.kill()
            code = self.process.wait()
            raise BrokenExecutor(f"process {self.process.pid} ended with {code}") from None

    def _send(self, what: Any) -> None:
        assert self.process.stdin is not None, "a pipe"
        pickle.dump(what, self.process.stdin)
        self.process.stdin.flush()


def main() -> None:
    """Do the work that comes in, until the parent ends."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    start_worker(logging.WARNING, os.getppid())
    sys.path[:] = pickle.load(incoming)
    with suppress(EOFError, BrokenPipeError):  # the parent has ended
        while True:
            pickle.dump(pickle.load(incoming)(), outgoing)
            outgoing.flush()


if __name__ == "__main__":
    main()
