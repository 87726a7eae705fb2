"""Problems on which models disagree, in the form that a page shows them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from hnetzoo.benchmark.results import Disagreement, Pairs
from hnetzoo.report.html.drawings import draw_problem

LETTERS = "ABCDEFGH"
Mark = tuple[int, str]
"""The place of a model among the answers, and its letter."""


@dataclass(frozen=True)
class Entry:
    """An element of the matrix: the distance as text, how near it is (0..1), and who pairs it."""

    text: str
    nearness: float
    marks: Sequence[Mark]
    true: bool


@dataclass(frozen=True)
class Verdict:
    """What a model answered: its letter, what is wrong in words; nothing where it is right."""

    letter: str
    model: str
    missed: str
    added: str


@dataclass(frozen=True)
class ProblemView:
    """A problem, its matrix with a name for every row and column, verdicts, and a drawing if there is one.

    `first` says that it is the first of its task.
    """

    source: Disagreement
    anchor: str
    first: bool
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Entry]]]
    verdicts: Sequence[Verdict]
    drawing: Markup | None


def problem_views(disagreements: Iterable[Disagreement]) -> list[ProblemView]:
    """Return problems as a page shows them, with an anchor each."""
    tasks: set[str] = set()
    views = []
    for number, problem in enumerate(disagreements, 1):
        views.append(_view(problem, f"problem-{number}", first=problem.task not in tasks))
        tasks.add(problem.task)
    return views


def _view(problem: Disagreement, anchor: str, *, first: bool) -> ProblemView:
    letters = dict(zip(problem.answers, LETTERS, strict=False))
    rows = [
        (_slot("r", i, problem.row_active), [_entry(problem, i, j, letters) for j in range(len(problem.col_active))])
        for i in range(len(problem.row_active))
    ]
    return ProblemView(
        source=problem,
        anchor=anchor,
        first=first,
        columns=[_slot("p", j, problem.col_active) for j in range(len(problem.col_active))],
        rows=rows,
        verdicts=[_verdict(letter, model, problem) for model, letter in letters.items()],
        drawing=draw_problem(problem, f"{anchor}-drawing", letters),
    )


def _slot(kind: str, index: int, active: Sequence[bool]) -> str:
    return f"{kind}{index + 1}" if active[index] else f"{kind}{index + 1} (empty)"


def _entry(problem: Disagreement, i: int, j: int, letters: Mapping[str, str]) -> Entry:
    distance = problem.distance[i][j]
    finite = [abs(value) for row in problem.distance for value in row if math.isfinite(value)]
    most = max(finite, default=0.0) or 1.0
    return Entry(
        text=f"{distance:.3g}" if math.isfinite(distance) else "never",
        nearness=1 - abs(distance) / most if math.isfinite(distance) else 0.0,
        marks=[(n, letters[model]) for n, model in enumerate(letters) if (i, j) in problem.answers[model]],
        true=(i, j) in problem.truth,
    )


def _verdict(letter: str, model: str, problem: Disagreement) -> Verdict:
    truth, answer = set(problem.truth), set(problem.answers[model])
    return Verdict(letter, model, missed=_named(sorted(truth - answer)), added=_named(sorted(answer - truth)))


def _named(pairs: Pairs | Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"r{i + 1}-p{j + 1}" for i, j in pairs)
