"""Checks, their outcomes, and reports of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hnetzoo.registry.specs import Spec
from hnetzoo.testing.problems import Problem

Outcome = Literal["passed", "failed", "skipped"]
Settings = Mapping[str, Any] | None
"""Settings of the checked component by name; None leaves all at their defaults."""


class CheckFailure(AssertionError):  # noqa: N818 - the rule failed, not the program
    """A broken rule: the reason, and the smallest input tried that breaks it.

    Example:
        >>> CheckFailure("logits have shape [2]").problem is None
        True
    """

    def __init__(self, reason: str, problem: Problem | None = None) -> None:
        self.reason, self.problem = reason, problem
        super().__init__(reason if problem is None else f"{reason}; smallest input tried: {problem}")


class Blocked(CheckFailure):
    """A rule that could not be checked because a more basic one is broken: the rule of the check named `by`."""

    def __init__(self, by: str, reason: str, problem: Problem | None = None) -> None:
        self.by = by
        super().__init__(reason, problem)


class CheckSkipped(Exception):  # noqa: N818 - it ends a check early and is no error
    """A check that does not apply; its text says why."""


class CheckFunction(Protocol):
    """A plain function that raises CheckFailure if the rule is broken, or CheckSkipped if it does not apply."""

    __name__: str

    def __call__(self, spec: Any, settings: Settings = None) -> None:
        """Check one rule on one declaration."""


@dataclass(frozen=True)
class Check:
    """A check, and the declared tags that decide whether it applies.

    Fields:
        function: The function that checks the rule.
        unless: The check is skipped for declarations with one of these tags.
        only: The check is skipped for declarations without any of these tags; empty applies to all.

    Example:
        >>> Check(len, unless=("fixed-size",)).excuse(frozenset({"fixed-size"}))
        "tagged 'fixed-size'"
    """

    function: CheckFunction
    unless: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.__name__

    def excuse(self, tags: frozenset[str]) -> str:
        """Return why the check is skipped for these tags; empty if it applies."""
        for tag in self.unless:
            if tag in tags:
                return f"tagged '{tag}'"
        if self.only and not tags.intersection(self.only):
            return f"not tagged '{self.only[0]}'"
        return ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The outcome of one check; `details` is the traceback of an exception that the plugin's code raised.

    Example:
        >>> Result(check="check_empty", outcome="passed").reason
        ''
    """

    check: str
    outcome: Outcome
    reason: str = ""
    problem: Problem | None = None
    details: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results of all checks of a declaration, in the order in which they ran.

    Example:
        >>> from hnetzoo.registry.discovery import discover
        >>> Report(spec=discover().model("greedy"), results=(Result(check="check_empty", outcome="passed"),)).failures
        ()
    """

    spec: Spec
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results of the failed checks; empty if none failed."""
        return tuple(result for result in self.results if result.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        """Return the number of checks with this outcome."""
        return sum(result.outcome == outcome for result in self.results)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the results as plain values, one dict per check."""
        return [
            {
                "kind": self.spec.kind,
                "check": result.check,
                "outcome": result.outcome,
                "reason": result.reason,
                "input": None if result.problem is None else result.problem.to_json(),
            }
            for result in self.results
        ]
