"""Does a network beat the exact solver on these problems? An honest answer, and how sure it is.

Solvers are tuned, and networks taken as they are and fine-tuned, on the training and validation splits. The best
solver and the best network are chosen on the validation split; two paired comparisons on the test split decide: the
best solver against the exact one, and the best network against the best solver.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from hnetzoo.association.batch import AssociationBatch, Split
from hnetzoo.benchmark.candidates import Candidate, Role, candidates
from hnetzoo.benchmark.entrants import TrainingOptions, enter, skip_reason
from hnetzoo.benchmark.facts import Facts, facts
from hnetzoo.benchmark.guard import guarded_predict
from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.plan import Job, Task, plan
from hnetzoo.benchmark.problems import Problems
from hnetzoo.benchmark.results import Scores
from hnetzoo.benchmark.scoring import f1_score, score
from hnetzoo.benchmark.significance import CONFIDENCE, Difference, paired_difference
from hnetzoo.benchmark.suite import Entry, Suite
from hnetzoo.benchmark.verdict import Verdict, verdict
from hnetzoo.errors import HnetzooError, one_line
from hnetzoo.registry.lookup import Registry
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.observer import NullObserver

COMPARISONS = 2
MOST = {"train": 10_000, "validation": 5_000, "test": 20_000}  # problems used, evenly spread over a larger split


@dataclass(frozen=True, kw_only=True)
class Line:
    """How one candidate did; `settings` are those that were chosen, `training` those of its trainer, if it had one."""

    name: str
    label: str
    role: Role
    settings: str
    training: Mapping[str, Any]
    validation_f1: float
    scores: Scores


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


class _Fewer(Problems):
    """Problems of which large splits are thinned out, so that they are in memory."""

    mapped = False

    def _draw(self, split: Split) -> AssociationBatch:
        batch = super()._draw(split)
        count, most = len(batch.distance), MOST[split]
        return batch if count <= most else batch.select(torch.linspace(0, count - 1, most).long())


def advise(
    dataset: Entry,
    registry: Registry,
    *,
    networks: Sequence[str] = ("exchangeable",),
    seed: int = 0,
    data: Path = Path(),
    device: str = "cpu",
    on_line: Callable[[Line], None] = lambda line: None,
) -> Advice:
    """Return whether a network beats the exact solver on the problems of a dataset.

    Args:
        dataset: A registered dataset with its settings.
        registry: Where names are looked up.
        networks: Models with weights to consider; those that take features are added where the problems have some.
        seed: Of splits that are drawn, and of fine-tuning.
        data: The folder that relative paths of the dataset start from.
        device: Where models run.
        on_line: Told of each candidate when it is done.

    Raises:
        UnknownNameError: If there is no such network.
        HnetzooError: If the dataset cannot be used.
    """
    for name in networks:
        registry.model(name)
    (task,) = plan(Suite(models=(), datasets=(dataset,)), registry, data).tasks
    problems = _Fewer(task, seed)
    known = candidates(registry, problems.split("train"), networks)
    suite = Suite(models=tuple(one.entry for one in known), datasets=(dataset,), seeds=(seed,))
    planned = plan(suite, registry, data)
    jobs = {job.entrant.title: job for job in planned.jobs}
    reasons = {entry.model: entry.reason for entry in planned.skipped}
    lines, skipped = [], []
    with TemporaryDirectory() as folder, preserved_state():
        for candidate in known:
            title = candidate.entry.title
            found = reasons.get(title) or _line(candidate, jobs[title], problems, Path(folder), device)
            if isinstance(found, Line):
                lines.append(found)
                on_line(found)
            else:
                skipped.append((title, found))
    whole = replace(task, given=dataset.settings)  # with folders, which reports leave out and commands need
    return _decide(whole, problems, lines, skipped)


def _line(candidate: Candidate, job: Job, problems: Problems, runs: Path, device: str) -> Line | str:
    """Return how a candidate did, or why it could not be used."""
    if reason := skip_reason(job.entrant, problems.shape):
        return reason
    try:
        with ExitStack() as held:
            entered = enter(job, problems, TrainingOptions(runs=runs), device, NullObserver(), held)
        answers = {split: _logits(job, entered.model, problems, split, device) for split in ("validation", "test")}
    except Exception as error:  # whatever the code of a network raises
        if candidate.role != "network":
            raise
        return " ".join(str(error).split()) if isinstance(error, HnetzooError) else one_line(error)
    return Line(
        name=job.entrant.spec.name,
        label=job.entrant.title,
        role=candidate.role,
        settings=entered.weights.partition("tuned: ")[2],
        training=candidate.entry.trainer,
        validation_f1=f1_score(answers["validation"], problems.split("validation")),
        scores=score(answers["test"], problems.split("test")),
    )


def _logits(job: Job, model: torch.nn.Module, problems: Problems, split: Split, device: str) -> torch.Tensor:
    seen, takes = problems.split(split), job.entrant.takes_features
    return guarded_predict(job.entrant.title, model, seen, problems.digest(split), device, features=takes)


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
