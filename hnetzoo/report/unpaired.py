"""Why models of two sources are not paired, and the commands after which they are."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hnetzoo.registry.command_options import as_toml
from hnetzoo.report.sources import Source
from hnetzoo.training.runs import RUN_PREFIX, RunRecord


@dataclass(frozen=True, kw_only=True)
class Unpaired:
    """Two sources of which no models are paired, or not all.

    Fields:
        first: The label of the first source.
        second: That of the other source.
        reason: Why, and what to do.
        commands: What to run, one after the other.
        models: What the models are called that are not paired; empty if it is all of them.
    """

    first: str
    second: str
    reason: str
    commands: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    def __str__(self) -> str:
        what = ", ".join(self.models) or f"{self.first} and {self.second}"
        sentence = f"not paired: {what}, as {self.reason}"
        return f"{sentence}; run\n  " + " &&\n  ".join(self.commands) if self.commands else sentence


def not_tested(first: Source, other: Source, source: Source) -> Unpaired:
    """Return that one of two sources has no rows."""
    if source.run is None:
        return _unpaired(first, other, f"{source.label} has no rows; run its 'hnetzoo benchmark' again")
    if source.run.epochs:
        what = f"{source.label} has no test result, as its training has not ended; continue it with --resume"
        return _unpaired(first, other, what)
    return _unpaired(first, other, f"{source.label} was imported and not tested", source)


def tested_apart(first: Source, other: Source) -> Unpaired:
    """Return that two sources, or models of theirs, share no problems, as far as they say which theirs are."""
    for source in (first, other):
        if not any(map(source.digests, source.report.tasks)):
            return _silent(first, other, source, "which problems it was tested on")
    what = "they were tested on different problems"
    if first.run and other.run:
        return _unpaired(first, other, what, first, other)
    remedy = "run 'hnetzoo benchmark --outcomes' for both with the same datasets, settings and seeds"
    return _unpaired(first, other, f"{what}; {remedy}")


def without_outcomes(first: Source, other: Source, source: Source) -> Unpaired:
    """Return that one of two sources has scores alone."""
    return _silent(first, other, source, "what became of each problem")


def without_partner(first: Source, other: Source, models: Sequence[str]) -> Unpaired:
    """Return that some models have no other of their name."""
    reason = f"{first.label} and {other.label} do not both have a model of that name"
    return Unpaired(first=first.label, second=other.label, reason=reason, models=tuple(models))


def _silent(first: Source, other: Source, source: Source, what: str) -> Unpaired:
    sentence = f"{source.label} does not say {what}"
    if source.run:
        return _unpaired(first, other, f"{sentence}, being of an older version", source)
    return _unpaired(first, other, f"{sentence}; run its 'hnetzoo benchmark' again with --outcomes")


def _unpaired(first: Source, other: Source, reason: str, *untested: Source) -> Unpaired:
    """Return why two sources are not paired, with the commands that test runs on the problems of one of them."""
    records = [source.run for source in (first, other) if source.run]
    commands: list[str] = []
    if untested:
        problems = next((record for record in records if record.dataset), records[0])
        paths = (str(_document(source) if source in untested else source.path) for source in (first, other))
        commands = [*(_test(source, problems) for source in untested), shlex.join(["hnetzoo", "compare", *paths])]
    return Unpaired(first=first.label, second=other.label, reason=reason, commands=tuple(commands))


def _test(source: Source, problems: RunRecord) -> str:
    """Return the command that tests a run on the test problems of a training."""
    settings: Mapping[str, object] = problems.settings.get("dataset", {})
    given = [f"dataset.{name}={as_toml(value)}" for name, value in settings.items() if value is not None]
    words: Sequence[str] = (
        *("hnetzoo", "benchmark", "--model", f"{RUN_PREFIX}{source.path}"),
        *("--dataset", problems.dataset or "DATASET", "--seed", str(problems.seed)),
        *(word for setting in given for word in ("--set", setting)),
        *("--outcomes", "--json", str(_document(source))),
    )
    return shlex.join(words)


def _document(source: Source) -> Path:
    """Return where the command that tests a run writes its document."""
    return Path(f"{source.label.strip('/').replace('/', '-')}.json")
