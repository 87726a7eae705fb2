"""Does a network beat the exact solver on these problems? An honest answer, and how sure it is.

Solvers are tuned, and networks taken as they are and fine-tuned, on the training and validation splits. The best
solver and the best network are chosen on the validation split; two paired comparisons on the test split decide: the
best solver against the exact one, and the best network against the best solver.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hnetzoo.benchmark.candidates import candidates
from hnetzoo.benchmark.contenders import Contender, FewerProblems, Line, Ways, consider
from hnetzoo.benchmark.facts import Facts, facts
from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.plan import Task, plan
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.significance import CONFIDENCE, Difference, paired_difference
from hnetzoo.benchmark.suite import Entry, Suite
from hnetzoo.benchmark.verdict import Verdict, verdict
from hnetzoo.engines.progress import Tell
from hnetzoo.registry.lookup import Registry
from hnetzoo.training.determinism import preserved_state

COMPARISONS = 2


@dataclass(frozen=True, kw_only=True)
class Advice:
    """The answer.

    Fields:
        facts: Of the test problems.
        lines: The candidates, as they were considered.
        skipped: Candidates that could not be used, and why.
        solver: The best solver against the exact one; None where they are the same.
        network: The best network against the best solver; None where no network could be used.
        verdict: What follows.
    """

    facts: Facts
    lines: tuple[Line, ...]
    skipped: tuple[tuple[str, str], ...]
    solver: Difference | None
    network: Difference | None
    verdict: Verdict


def advise(
    dataset: Entry,
    registry: Registry,
    *,
    networks: Sequence[str] = ("exchangeable",),
    seed: int = 0,
    data: Path = Path(),
    how: Ways | None = None,
    on_line: Callable[[Line], None] = lambda line: None,
    tell: Tell = lambda line: None,
) -> Advice:
    """Return whether a network beats the exact solver on the problems of a dataset.

    Args:
        dataset: A registered dataset with its settings.
        registry: Where names are looked up.
        networks: Models with weights to consider; those that take features are added where the problems have some.
        seed: Of splits that are drawn, and of fine-tuning.
        data: The folder that relative paths of the dataset start from.
        how: Where models run, and on which engine; by default on the CPU, one after the other.
        on_line: Told of each candidate when it is done.
        tell: Takes lines about the progress of workers.

    Raises:
        UnknownNameError: If there is no such network.
        HnetzooError: If the dataset cannot be used.
    """
    how = how or Ways()
    for name in networks:
        registry.model(name)
    (task,) = plan(Suite(models=(), datasets=(dataset,)), registry, data).tasks
    problems = FewerProblems(task, seed)
    known = candidates(registry, problems.split("train"), networks)
    suite = Suite(models=tuple(one.entry for one in known), datasets=(dataset,), seeds=(seed,))
    planned = plan(suite, registry, data)
    jobs = {job.entrant.title: job for job in planned.jobs}
    reasons = {entry.model: entry.reason for entry in planned.skipped}
    contenders = [
        Contender(index=index, candidate=candidate, job=jobs[candidate.entry.title])
        for index, candidate in enumerate(known)
        if candidate.entry.title not in reasons
    ]
    found: dict[int, Line | str] = {}
    with preserved_state():
        for index, line in consider(contenders, problems, how, tell):
            found[index] = line
            if isinstance(line, Line):
                on_line(line)
    told = [found.get(index, reasons.get(one.entry.title, "")) for index, one in enumerate(known)]
    lines = [line for line in told if isinstance(line, Line)]
    skipped = [(one.entry.title, why) for one, why in zip(known, told, strict=True) if isinstance(why, str)]
    whole = replace(task, given=dataset.settings)  # with folders, which reports leave out and commands need
    return _decide(whole, problems, lines, skipped)


def _decide(task: Task, problems: Problems, lines: list[Line], skipped: list[tuple[str, str]]) -> Advice:
    """Return the advice that follows from how the candidates did."""
    (exact,) = (line for line in lines if line.role == "exact")
    solver = _best([exact, *(line for line in lines if line.role == "solver")])
    network = _best([line for line in lines if line.role == "network"])
    assert solver is not None, "the exact one is there"
    block = getattr(problems.dataset, "block", 1)
    gain = None if solver is exact else _difference(solver, exact, block)
    learned = None if network is None else _difference(network, solver, block)
    seen = facts(problems.split("test"))
    return Advice(
        facts=seen,
        lines=tuple(lines),
        skipped=tuple(skipped),
        solver=gain,
        network=learned,
        verdict=verdict(seen, exact, solver, network, gain, learned, task),
    )


def _best(lines: Sequence[Line]) -> Line | None:
    """Return the line of the largest validation F1, the first of equals; None without any."""
    return max(lines, key=lambda line: line.validation_f1, default=None)


def _difference(first: Line, second: Line, block: int) -> Difference:
    confidence = 1 - (1 - CONFIDENCE) / COMPARISONS  # both together are as sure as one at CONFIDENCE
    counts = ([unpack_outcomes(line.scores.outcomes)] for line in (first, second))
    return paired_difference(*counts, block=block, confidence=confidence)
