"""Pair the answers of two sources: their models, on the test problems that both were tested on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.significance import Difference, paired_difference
from hnetzoo.errors import DataError
from hnetzoo.report.sources import Source
from hnetzoo.report.unpaired import Unpaired, not_tested, tested_apart, without_outcomes, without_partner

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Rows = Mapping[str, BenchmarkRow]  # of one model, by the sha256 of their problems


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two models on the same test problems of a task.

    Fields:
        first: What the model of the first source is called.
        second: What that of the other source is called.
        task: The label of the task in the first source.
        seeds: Those of the problems, which are pooled.
        difference: F1 of `second` minus F1 of `first`.
    """

    first: str
    second: str
    task: str
    seeds: tuple[int, ...]
    difference: Difference

    def __str__(self) -> str:
        found = self.difference
        basis = f"F1 on {found.problems:,} problems of {self.task}"
        if not found.clear:
            return f"no difference is shown: {self.second} against {self.first}, {found} {basis}"
        if found.value > 0:
            return f"{self.second} is better than {self.first} by {found} {basis}"
        return f"{self.first} is better than {self.second} by {-found} {basis}"


def paired_sources(first: Source, other: Source) -> Iterator[Pair | Unpaired]:
    """Yield the pairs of two sources, and why models are not paired, which may be said several times.

    Models of equal label are paired; a source of one model, as a run, is paired with all models of the other.

    Raises:
        DataError: If what became of the problems cannot be read.
    """
    if untested := [source for source in (first, other) if not source.models]:
        yield from (not_tested(first, other, source) for source in untested)
    elif 1 in (len(first.models), len(other.models)):
        for ours, theirs in product(first.models, other.models):
            yield from _paired_models(first, ours, other, theirs)
    else:
        for model in first.models:
            if model in other.models:
                yield from _paired_models(first, model, other, model)
        if alone := (*_alone(first, other), *_alone(other, first)):
            yield without_partner(first, other, alone)


def _alone(source: Source, other: Source) -> Iterator[str]:
    return (source.name(model) for model in source.models if model not in other.models)


def _paired_models(first: Source, ours: str, other: Source, theirs: str) -> Iterator[Pair | Unpaired]:
    """Yield a pair for each task that two models share."""
    known, answered = _rows(first, ours), _rows(other, theirs)
    common = [digest for digest in known if digest in answered]
    if not common:
        yield tested_apart(first, other)
    for source, rows in ((first, known), (other, answered)):
        if not all(rows[digest].outcomes for digest in common):
            yield without_outcomes(first, other, source)
    kept = [digest for digest in common if known[digest].outcomes and answered[digest].outcomes]
    for task in dict.fromkeys(known[digest].dataset for digest in kept):
        digests = [digest for digest in kept if known[digest].dataset == task]
        yield Pair(
            first=first.name(ours),
            second=other.name(theirs),
            task=task,
            seeds=tuple(known[digest].seed for digest in digests),
            difference=paired_difference(
                [_counts(other, answered[digest]) for digest in digests],
                [_counts(first, known[digest]) for digest in digests],
                block=first.report.tasks[task].get("block", 1),
                redrawn=first.report.tasks[task].get("redrawn", True),
            ),
        )


def _rows(source: Source, model: str) -> Rows:
    rows = [row for row in source.report.rows if row.model == model]
    digests = [source.digests(row.dataset).get(str(row.seed), "") for row in rows]
    return {digest: row for digest, row in zip(digests, rows, strict=True) if digest}


def _counts(source: Source, row: BenchmarkRow) -> "NDArray[np.int64]":
    """Return the outcomes of a row; raises DataError naming the source if they are not those of its problems."""
    try:
        counts = unpack_outcomes(row.outcomes)
    except DataError as error:
        raise DataError(f"'{source.path}': {error}") from None
    if len(counts) != row.problems:
        raise DataError(
            f"'{source.path}': {row.model} on {row.dataset}, seed {row.seed}, has outcomes of {len(counts):,} problems "
            f"and was tested on {row.problems:,}; run the benchmark again"
        )
    return counts
