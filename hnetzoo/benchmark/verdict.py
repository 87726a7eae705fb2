"""From numbers to one sentence, and the command to type next."""

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hnetzoo.benchmark.facts import Facts
from hnetzoo.benchmark.plan import Task
from hnetzoo.benchmark.significance import Difference
from hnetzoo.registry.command_options import as_toml

if TYPE_CHECKING:
    from hnetzoo.benchmark.contenders import Line

Choice = Literal["network", "gate", "exact", "no difference"]
ALWAYS = 0.999  # share of problems from which on a solver is right by definition


@dataclass(frozen=True)
class Verdict:
    """What to use; `sentence` says why and how sure it is, `command` is what to type next."""

    choice: Choice
    model: str
    sentence: str
    command: str


def verdict(
    facts: Facts,
    exact: "Line",
    solver: "Line",
    network: "Line | None",
    gain: Difference | None,
    learned: Difference | None,
    task: Task,
) -> Verdict:
    """Return what follows from how the exact solver, the best solver and the best network did.

    Args:
        facts: Of the test problems.
        exact: The exact solver.
        solver: The best solver by validation.
        network: The best network by validation, if any.
        gain: The best solver minus the exact one, if it is another.
        learned: The best network minus the best solver.
        task: The problems, for the command.
    """
    if network is not None and learned is not None and learned.clear and learned.value > 0:
        better = f"A network pays: {network.label} is ahead of {_called(solver)} by {_sure(learned)}."
        return Verdict("network", network.label, better, _to_use_network(network, task))
    beaten = _not_shown(network, solver, learned)
    if gain is not None and gain.clear and gain.value > 0:
        better = (
            f"A tuned solver is enough: {_called(solver)} is ahead of the exact assignment by {_sure(gain)}. {beaten}"
        )
        return Verdict("gate", solver.label, better, _to_use(solver, task))
    if facts.optimal >= ALWAYS:
        right = (
            f"The exact assignment is the truth in {facts.optimal:.1%} of the problems, so there is nothing to learn."
        )
        gradient = "Where a gradient has to pass, sinkhorn gives the same answers."
        return Verdict("exact", exact.label, f"{right} {gradient}", _to_use(exact, task))
    none = "No difference is shown between the exact solver, tuned solvers and networks"
    sure = f" ({_called(solver)} against the exact one: {_sure(gain)})" if gain is not None else ""
    return Verdict("no difference", exact.label, f"{none}{sure}. {beaten}", _to_use(exact, task))


def _called(line: "Line") -> str:
    return f"{line.label} ({line.settings})" if line.settings else line.label


def _sure(difference: Difference) -> str:
    return f"{difference} F1 on {difference.problems:,} problems"


def _not_shown(network: "Line | None", solver: "Line", learned: Difference | None) -> str:
    if network is None or learned is None:
        return "No network could be used here."
    if learned.clear:
        return f"The best network, {network.label}, is behind {_called(solver)}: {_sure(learned)}."
    return (
        f"That a network is better or worse is not shown: {network.label} against {_called(solver)}, {_sure(learned)}."
    )


def _to_use(line: "Line", task: Task) -> str:
    """Return how to use a model as it was measured, with the settings that were chosen."""
    chosen = [setting for setting in line.settings.split(", ") if setting]
    path = task.given.get("path")
    if path is None:
        return f"hnetzoo.load_model({', '.join([repr(line.name), *map(_in_python, chosen)])})  # in Python"
    settings = [part for setting in chosen for part in ("--set", f"model.{setting}")]
    return shlex.join(["hnetzoo", "associate", line.name, str(path), *settings])


def _in_python(setting: str) -> str:
    """Return KEY=VALUE with the value as Python writes it: a number or a word."""
    key, value = setting.split("=", 1)
    try:
        float(value)
    except ValueError:
        return f"{key}={value!r}"
    return setting


def _to_use_network(line: "Line", task: Task) -> str:
    if not line.training:
        return _to_use(line, task)
    trainer = [part for key, value in line.training.items() for part in ("--set", f"trainer.{key}={value}")]
    command = ["hnetzoo", "train", line.name, "--init", line.name, "--dataset", task.dataset.spec.name]
    return shlex.join([*command, *_data(task), *trainer, "--out", "runs/mine"])


def _data(task: Task) -> list[str]:
    return [part for key, value in task.given.items() for part in ("--set", f"dataset.{key}={as_toml(value)}")]
