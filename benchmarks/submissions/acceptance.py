"""Whether a submission is accepted: one rule after the other, until one refuses it."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.submissions.completeness import completeness
from benchmarks.submissions.document import Document, read_document
from benchmarks.submissions.numbers import numbers
from benchmarks.submissions.provenance import provenance
from benchmarks.submissions.stored import RESULTS, SUBMITTED, Stored, suites
from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.errors import HnetzooError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry


class RefusedError(HnetzooError):
    """A submission that breaks a rule."""

    exit_code = 1


def accepted(path: Path, registry: Registry, folder: Path = SUBMITTED, results: Path = RESULTS) -> Document:
    """Return a submitted document if nothing is found that speaks against it.

    Args:
        path: The document.
        registry: Tells which names are ours.
        folder: The accepted submissions; a file of the same name is the one that this one replaces.
        results: The folder of the stored results.

    Raises:
        DataError: If it cannot be read or is no such document.
        RefusedError: If it breaks a rule; the text says which.
    """
    document = read_document(path)
    if document.suite not in (known := suites(results)):
        raise RefusedError(f"'{path.name}' is refused: no suite '{document.suite}' is stored; there are {known}")
    taken = {
        title: other.name
        for other in submissions(folder)
        if other.name != path.name and (earlier := read_document(other)).suite == document.suite
        for title in earlier.submitted
    }
    stored = Stored(BenchmarkReport.read(results / f"{document.suite}.json"), registry, taken)
    refusal = next(_reasons(document, stored), None)
    if refusal:
        raise RefusedError(f"'{path.name}' is refused: {refusal}")
    return document


def submissions(folder: Path = SUBMITTED) -> list[Path]:
    """Return the documents of a folder."""
    return sorted(folder.glob("*.json"))


def refusals(folder: Path = SUBMITTED, results: Path = RESULTS) -> Iterator[str]:
    """Yield why submissions of a folder are refused; nothing if all are accepted."""
    registry = discover()
    for path in submissions(folder):
        try:
            accepted(path, registry, folder, results)
        except HnetzooError as error:
            yield str(error)


def _reasons(document: Document, stored: Stored) -> Iterator[str]:
    """Yield what speaks against a document; each rule relies on those before it."""
    yield from provenance(document, stored)
    yield from completeness(document, stored)
    yield from numbers(document, stored)
