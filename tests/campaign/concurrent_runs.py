"""Several commands at once in one place: one owner at a time, and no result of one under the name of another."""

import time
from collections.abc import Iterator
from functools import partial

from tests.campaign.command import Outcome, finish, start
from tests.campaign.kills import BENCHMARK, TRAIN, rows_of, undisturbed_rows, undisturbed_training
from tests.campaign.trial import Case, Trial

LATER_S = (0.0, 0.5, 1.0, 2.0, 3.0)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` pairs of commands, the second some time after the first."""
    weights = {number: undisturbed_training(number) for number in (0, 1)}
    undisturbed_rows()
    checks = {
        "trainings": partial(_trainings, weights=weights),
        "fresh trainings": partial(_fresh, weights=weights),
        "benchmarks": _benchmarks,
    }
    for number in range(count):
        name = list(checks)[number % len(checks)]
        later = LATER_S[number // len(checks) % len(LATER_S)]
        yield Case(f"two {name}, {later} s apart", partial(checks[name], later=later))


def _both(trial: Trial, first: tuple[str, ...], second: tuple[str, ...], later: float) -> list[Outcome]:
    """Return the outcomes of two commands that run at once."""
    commands, started = (first, second), []
    for number, command in enumerate(commands):
        started.append(start(trial.folder, command, log=f"command{number}"))
        time.sleep(0 if number else later)
    pairs = enumerate(zip(started, commands, strict=True))
    return [
        trial.judge(finish(process, trial.folder, command, f"command{number}")) for number, (process, command) in pairs
    ]


def _trainings(trial: Trial, later: float, weights: dict[int, bytes]) -> None:
    outcomes = _both(trial, (*TRAIN, "--seed", "0"), (*TRAIN, "--seed", "1"), later)
    _require_one(trial, outcomes, weights)


def _fresh(trial: Trial, later: float, weights: dict[int, bytes]) -> None:
    outcomes = _both(trial, (*TRAIN, "--seed", "0"), (*TRAIN, "--seed", "1", "--fresh"), later)
    _require_one(trial, outcomes, weights)


def _require_one(trial: Trial, outcomes: list[Outcome], weights: dict[int, bytes]) -> None:
    """The directory holds what the last command that ended well has trained."""
    well = [seed for seed, outcome in enumerate(outcomes) if outcome.code == 0]
    found = (trial.folder / "r" / "best.safetensors").read_bytes()
    trial.require(bool(well), "lost", f"neither training ended well: {outcomes[0].err[-200:]} {outcomes[1].err[-200:]}")
    trial.require(
        any(found == weights[seed] for seed in well), "lost", "the weights are of neither training that ended well"
    )


def _benchmarks(trial: Trial, later: float) -> None:
    other = tuple("c.json" if part == "b.json" else part for part in BENCHMARK)
    for outcome, name in zip(_both(trial, BENCHMARK, other, later), ("b.json", "c.json"), strict=True):
        same = outcome.code == 0 and rows_of(trial.folder / name) == undisturbed_rows()
        trial.require(
            same, "lost", f"two benchmarks with one folder of rows, {name}: {outcome.code} {outcome.err[-200:]}"
        )
