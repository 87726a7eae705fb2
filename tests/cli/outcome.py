"""The outcome of a command, and a check that it failed as expected."""

from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """Exit code, stdout and stderr of a command."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def fails(outcome: Outcome, code: int, *parts: str) -> None:
    """Assert an expected failure: exit code, one stderr line with these parts, nothing on stdout."""
    assert outcome.code == code, outcome.err
    assert outcome.err.startswith("hnetzoo: error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.err
