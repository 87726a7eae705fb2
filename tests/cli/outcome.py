"""What a command left behind, and whether it failed as it should."""

from collections.abc import Callable
from typing import NamedTuple


class Outcome(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def fails(outcome: Outcome, code: int, *parts: str) -> None:
    """Check an expected failure: exit code, one stderr line, nothing on stdout."""
    assert outcome.code == code, outcome.err
    assert outcome.err.startswith("hnetzoo: error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.err
