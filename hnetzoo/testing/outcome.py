"""What a check is, and how it can end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hnetzoo.registry.specs import Spec
from hnetzoo.testing.problems import Problem

Outcome = Literal["passed", "failed", "skipped"]
Settings = Mapping[str, Any] | None
"""Settings by name, of what is checked; None leaves all at their defaults."""


class CheckFailure(AssertionError):  # noqa: N818 - the rule failed, not the program
    """A rule that is broken: why, and the smallest input tried that breaks it.

    Example:
        >>> CheckFailure("logits have shape [2]").problem is None
        True
    """

    def __init__(self, reason: str, problem: Problem | None = None) -> None:
        self.reason, self.problem = reason, problem
        super().__init__(reason if problem is None else f"{reason}; smallest input tried: {problem}")


class Blocked(CheckFailure):
    """A rule that could not be judged, because a more basic one is broken: the one that the check `by` is meant for."""

    def __init__(self, by: str, reason: str, problem: Problem | None = None) -> None:
        self.by = by
        super().__init__(reason, problem)


class CheckSkipped(Exception):  # noqa: N818 - it ends a check early and is no error
    """A check that does not apply here; its text says why."""


class CheckFunction(Protocol):
    """A plain function that raises CheckFailure, or CheckSkipped, or returns."""

    __name__: str

    def __call__(self, spec: Any, settings: Settings = None) -> None:
        """Check one rule on one declaration."""


@dataclass(frozen=True)
class Check:
    """A rule, and the declared tags that decide whether it applies.

    Fields:
        function: What tests the rule.
        unless: A declaration with one of these tags is excused.
        only: A declaration without one of these tags is excused; empty applies to all.

    Example:
        >>> Check(len, unless=("fixed-size",)).excuse(frozenset({"fixed-size"}))
        "tagged 'fixed-size'"
    """

    function: CheckFunction
    unless: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The readable id, which is the function's name."""
        return self.function.__name__

    def excuse(self, tags: frozenset[str]) -> str:
        """Say which tag makes the rule not apply; empty if it applies."""
        for tag in self.unless:
            if tag in tags:
                return f"tagged '{tag}'"
        if self.only and not tags.intersection(self.only):
            return f"not tagged '{self.only[0]}'"
        return ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How one check ended; `details` is the traceback of an exception that the plugin's code raised."""

    check: str
    outcome: Outcome
    reason: str = ""
    problem: Problem | None = None
    details: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """How all checks of a declaration ended, in the order in which they ran."""

    spec: Spec
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The broken rules; empty if all is well."""
        return tuple(result for result in self.results if result.outcome == "failed")

    def count(self, outcome: Outcome) -> int:
        """Count the checks that ended so."""
        return sum(result.outcome == outcome for result in self.results)

    def to_json(self) -> list[dict[str, Any]]:
        """List the results as plain values."""
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
