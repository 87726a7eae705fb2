"""stdout belongs to the command's own document; what a plugin prints there goes to stderr. Torch-free."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

STDOUT, STDERR = 1, 2  # descriptors


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send to stderr what is written to stdout in a `with` block, by child processes and foreign code too.

    Example:
        >>> with stdout_to_stderr():
        ...     print("seen on stderr")
    """
    with redirect_stdout(sys.stderr):
        saved = _replace()
        try:
            yield
        finally:
            with suppress(AttributeError, OSError, ValueError):  # it may be closed, or None
                sys.__stdout__.flush()  # type: ignore[union-attr]
            if saved is not None:
                os.dup2(saved, STDOUT)
                os.close(saved)


def _replace() -> int | None:
    """Make descriptor 1 the same as 2, and return a copy of what it was; None where one of them is closed."""
    with suppress(AttributeError, OSError, ValueError):
        sys.__stdout__.flush()  # type: ignore[union-attr]
    try:
        saved = os.dup(STDOUT)
    except OSError:
        return None
    try:
        os.dup2(STDERR, STDOUT)
    except OSError:
        os.close(saved)
        return None
    return saved
