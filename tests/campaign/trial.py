"""One case of the campaign: commands in a folder of its own, and what is wrong with how they ended."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from tests.campaign.command import LIMIT_S, Outcome, forked, fresh

Item = TypeVar("Item")
KINDS = {
    "lost": "lost or mixed results",
    "executed": "executed files",
    "traceback": "tracebacks",
    "exit code": "exit codes outside the documented ones, or without a reason",
    "accepted": "silent acceptances of what is damaged",
    "orphans": "processes left after 10 s",
    "memory": "processes above 2 GiB",
    "time": "commands above 120 s",
}
DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5, 130, 143})
LARGEST_MIB = 2048
MARKER = "executed"  # a hostile file would create it


class Finding(NamedTuple):
    """A rule that was broken: a key of KINDS, and what was seen."""

    kind: str
    text: str


@dataclass
class Trial:
    """Runs the commands of a case and keeps what is wrong with them.

    Fields:
        folder: Where they run, empty at first.
        findings: The rules that were broken.
        commands: How many commands ran.
        peak_mib: The largest memory of one.
        slowest_s: The longest time of one.
    """

    folder: Path
    findings: list[Finding] = field(default_factory=list)
    commands: int = 0
    peak_mib: int = 0
    slowest_s: float = 0.0

    def run(
        self,
        *arguments: str,
        before: Callable[[], object] = lambda: None,
        environment: Mapping[str, str] | None = None,
        killed: bool = False,
    ) -> Outcome:
        """Return the outcome of a command in a fork, after it was judged; `killed` says that it is to be killed."""
        return self.judge(forked(self.folder, arguments, before, environment), killed=killed)

    def run_fresh(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        act: Callable[[int], object] = lambda pid: None,
        killed: bool = False,
    ) -> Outcome:
        """Return the outcome of a command in a process of its own, likewise."""
        return self.judge(fresh(self.folder, arguments, environment, act), killed=killed)

    def judge(self, outcome: Outcome, *, killed: bool = False) -> Outcome:
        """Return an outcome after noting the rules that it breaks."""
        self.commands += 1
        self.peak_mib = max(self.peak_mib, outcome.peak_mib)
        self.slowest_s = max(self.slowest_s, outcome.seconds)
        what = f"{' '.join(outcome.arguments)[:200]}: code {outcome.code}: {outcome.err[-400:].strip()}"
        self.findings += [Finding(kind, what) for kind in broken(outcome, killed=killed)]
        if any(self.folder.rglob(MARKER)):
            self.findings.append(Finding("executed", what))
        return outcome

    def require(self, holds: bool, kind: str, text: str) -> None:
        """Note a finding unless something holds."""
        if not holds:
            self.findings.append(Finding(kind, text))


class Case(NamedTuple):
    """A case by name; `check` runs it."""

    name: str
    check: Callable[[Trial], object]


def broken(outcome: Outcome, *, killed: bool = False) -> Iterator[str]:
    """Yield the rules that an outcome breaks by itself, as keys of KINDS."""
    if "Traceback (most recent call last)" in outcome.err + outcome.out:
        yield "traceback"
    expected = DOCUMENTED | ({-9} if killed else set())
    if outcome.code not in expected or (outcome.code in {2, 3, 4, 5} and not (outcome.err + outcome.out).strip()):
        yield "exit code"
    if outcome.orphans:
        yield "orphans"
    if outcome.peak_mib > LARGEST_MIB:
        yield "memory"
    if outcome.seconds > LIMIT_S:
        yield "time"


def evenly(count: int, known: Sequence[Item]) -> list[Item]:
    """Return up to `count` of the known ones, evenly chosen, in order.

    Example:
        >>> evenly(2, "abcd")
        ['a', 'c']
    """
    chosen = min(count, len(known))
    return [known[number * len(known) // chosen] for number in range(chosen)]
