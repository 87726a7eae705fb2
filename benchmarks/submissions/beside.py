"""Accepted submissions beside our rows: marked, with a note, and without times, which are of other machines."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.submissions.document import Document, Model, read_document
from benchmarks.submissions.stored import ROOT, submissions
from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, Failed, Skipped, Submitted
from hnetzoo.benchmark.significance import paired_difference
from hnetzoo.report.tables import SUBMITTED as MARK

Entry = TypeVar("Entry", BenchmarkRow, Skipped, Failed)
MOST_SEEDS = 5  # that a note names


def with_submissions(report: BenchmarkReport, suite: str, root: Path = ROOT) -> BenchmarkReport:
    """Return a stored report with the submissions to its suite; our rows are as they were.

    Args:
        report: The stored result.
        suite: Its name.
        root: The leaderboard; whether its submissions are accepted is asked elsewhere.

    Raises:
        DataError: If a submission cannot be read.
    """
    for path in submissions(root):
        document = read_document(path)
        if document.suite == suite:
            report = _joined(report, document, BenchmarkReport.read(path))
    return report


def _joined(report: BenchmarkReport, document: Document, theirs: BenchmarkReport) -> BenchmarkReport:
    rows = tuple(_marked(row, microseconds_per_problem=0.0, timing={}) for row in theirs.rows)
    shown = {f"{title}{MARK}": _source(document, title, theirs.rows) for title in document.submitted}
    return replace(
        report,
        rows=(*report.rows, *(row for row in rows if row.model in shown)),
        skipped=(*report.skipped, *map(_marked, theirs.skipped)),
        failed=(*report.failed, *(_marked(entry, reason="see its document") for entry in theirs.failed)),
        submitted={**report.submitted, **shown},
    )


def _marked(entry: Entry, **changes: Any) -> Entry:
    return replace(entry, model=f"{entry.model}{MARK}", **changes)


def _source(document: Document, title: str, rows: Sequence[BenchmarkRow]) -> Submitted:
    distribution, installed = document.installed(title)
    version = installed.version if installed else "?"
    parts = [f"{distribution} {version}", *_trained_on(document.submitted[title])]
    notes = {task: note for task in document.tasks for note in _difference(document, title, task, rows)}
    return Submitted(by=", ".join(parts), notes=notes)


def _trained_on(model: Model) -> Iterator[str]:
    if model.weights and model.weights.scope:
        seeds = model.weights.scope.seeds
        named = f"seed {', '.join(map(str, seeds))}" if len(seeds) <= MOST_SEEDS else f"{len(seeds)} seeds"
        yield f"trained on {' and '.join(model.weights.scope.tasks)} with {named}"


def _difference(document: Document, title: str, task: str, rows: Sequence[BenchmarkRow]) -> Iterator[str]:
    """Yield by how much a model differs from the baseline on the problems that both answered there."""
    mine, baseline = (
        {row.seed: unpack_outcomes(row.outcomes) for row in rows if (row.model, row.dataset) == (model, task)}
        for model in (title, document.baseline)
    )
    seeds = [seed for seed in mine if seed in baseline]
    if sum(len(mine[seed]) for seed in seeds):
        pairs = ([of[seed] for seed in seeds] for of in (mine, baseline))
        known = document.tasks[task]
        difference = paired_difference(*pairs, block=known.block, redrawn=known.redrawn)
        yield f"{title}{MARK} minus {document.baseline}: F1 {difference}."
