"""Whether a submission is accepted: one rule after the other, until one refuses it."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.submissions.completeness import completeness
from benchmarks.submissions.document import Document, read_document
from benchmarks.submissions.numbers import numbers
from benchmarks.submissions.provenance import provenance
from benchmarks.submissions.stored import ROOT, Stored, result, submissions, suites
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.errors import HnetzooError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry


class RefusedError(HnetzooError):
    """A submission that breaks a rule."""

    exit_code = 1


def accepted(path: Path, registry: Registry, root: Path = ROOT) -> Document:
    """Return a submitted document if nothing is found that speaks against it.

    Args:
        path: The document.
        registry: Tells which names are ours.
        root: The leaderboard. A submission of the same file name is the one that this one replaces.

    Raises:
        DataError: If it cannot be read or is no such document.
        RefusedError: If it breaks a rule; the text says which.
    """
    document = read_document(path)
    if document.suite not in (known := suites(root)):
        raise RefusedError(f"'{path.name}' is refused: no suite '{document.suite}' is stored; there are {known}")
    taken = {
        title: other.name
        for other in submissions(root)
        if other.name != path.name and (earlier := read_document(other)).suite == document.suite
        for title in earlier.submitted
    }
    stored = Stored(BenchmarkReport.read(result(document.suite, root)), registry, taken)
    refusal = next(_reasons(document, stored), None)
    if refusal:
        raise RefusedError(f"'{path.name}' is refused: {refusal}")
    return document


def refusals(root: Path = ROOT) -> Iterator[str]:
    """Yield why submissions that are kept are refused; nothing if all are accepted."""
    registry = discover()
    for path in submissions(root):
        try:
            accepted(path, registry, root)
        except HnetzooError as error:
            yield str(error)


def _reasons(document: Document, stored: Stored) -> Iterator[str]:
    """Yield what speaks against a document; each rule relies on those before it."""
    yield from provenance(document, stored)
    yield from completeness(document, stored)
    yield from numbers(document, stored)
