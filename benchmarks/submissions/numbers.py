"""Rules on the numbers of a submission: computed again from what became of each problem, and held against ours."""

from collections.abc import Iterator, Mapping
from math import isclose
from typing import TYPE_CHECKING

from benchmarks.submissions.document import Document, Group, Row
from benchmarks.submissions.stored import Stored
from hnetzoo.association.counts import AssociationCounts
from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

ROUNDING = 1e-9
SUMMED_ROUNDING = 1e-6  # of sums of float32 distances and of probabilities
SAME = ("f1", "precision", "recall", "exact", "validity", "f1_one_to_one", "delta_f1", "problems")


def numbers(document: Document, stored: Stored) -> Iterator[str]:
    """Yield what is wrong with the numbers of a submission whose rows are those of its suite."""
    baseline = {(row.dataset, row.seed): row for row in document.rows if row.model == document.baseline}
    parameters: dict[str, int] = {}
    for row in document.rows:
        for reason in _row(row, stored.row(row.dataset, row.seed), baseline.get((row.dataset, row.seed))):
            yield f"{row.model} on {row.dataset}, seed {row.seed}: {reason}"
        first = parameters.setdefault(row.model, row.parameters)
        if row.parameters != first:
            yield f"{row.model} has {first:,} parameters in one row and {row.parameters:,} in another"


def _row(row: Row, ours: BenchmarkRow, baseline: Row | None) -> Iterator[str]:
    try:
        counts = unpack_outcomes(row.outcomes)
    except DataError as error:
        yield str(error)
        return
    if not row.problems == len(counts) == ours.problems:
        yield f"{row.problems:,} problems and outcomes of {len(counts):,}; the task has {ours.problems:,}"
        return
    yield from _recomputed(row, counts)
    yield from _against_ours(row, ours)
    yield from _related(row)
    if baseline is row:
        yield from _same(row, ours)
    elif baseline is not None:
        yield from _truth(row, counts, baseline)


def _recomputed(row: Row, counts: "Counts") -> Iterator[str]:
    """Yield which shares do not follow from what became of each problem."""
    right, false, missed = (int(column) for column in counts.sum(0))
    total = AssociationCounts(
        true_positives=right,
        false_positives=false,
        false_negatives=missed,
        problems=len(counts),
        exact=int((counts[:, 1:].sum(1) == 0).sum()),
    )
    found = {"f1": total.f1, "precision": total.precision, "recall": total.recall, "exact": total.exact_share}
    for name, value in found.items():
        if not isclose(getattr(row, name), value, abs_tol=ROUNDING):
            yield f"{name} is {getattr(row, name):.6f}, and its outcomes give {value:.6f}"


def _against_ours(row: Row, ours: BenchmarkRow) -> Iterator[str]:
    """Yield what disagrees with our numbers of the same problems."""
    baseline, stated = ours.f1 - ours.delta_f1, row.f1 - row.delta_f1
    if not isclose(baseline, stated, abs_tol=ROUNDING):
        yield f"delta_f1 is against a baseline of {stated:.6f}, and ours is {baseline:.6f}"
    for name in ("cells", "layouts"):
        found: Mapping[str, Group] = getattr(row, name)
        if {key: group.problems for key, group in found.items()} != {
            key: group["problems"] for key, group in getattr(ours, name).items()
        }:
            yield f"{name} have other numbers of problems than ours"
        exact = sum(group.exact * group.problems for group in found.values())
        if found and not isclose(exact / row.problems, row.exact, abs_tol=ROUNDING):
            yield f"exact is {row.exact:.6f}, and its {name} give {exact / row.problems:.6f}"
    if (row.weighted_f1 is None) != (ours.weighted_f1 is None):
        yield "weighted_f1 has a meaning there, or is given where it has none"


def _related(row: Row) -> Iterator[str]:
    """Yield which numbers of a row cannot be true together."""
    if row.validity < row.exact - ROUNDING:
        yield f"validity {row.validity:.6f} is below exact {row.exact:.6f}, and what is exact is valid"
    cost, proven = row.cost_gap, row.proven_gap
    if cost is not None and proven is not None and proven < cost - SUMMED_ROUNDING * (1 + cost):
        yield f"proven_gap {proven:.6g} is below cost_gap {cost:.6g}"
    tenths = [int(tenth.probability * 10) for tenth in row.calibration]
    if tenths != sorted(tenths):
        yield "calibration is not in the order of probability"


def _truth(row: Row, counts: "Counts", baseline: Row) -> Iterator[str]:
    """Yield where the truth differs from that which the baseline was held against."""
    theirs = unpack_outcomes(baseline.outcomes)
    true = counts[:, 0] + counts[:, 2]
    if len(theirs) == len(counts) and (differing := int((true != theirs[:, 0] + theirs[:, 2]).sum())):
        yield f"its outcomes have other true pairs than the baseline's on {differing:,} problems"
    pairs, expected = (sum(tenth.pairs for tenth in of.calibration) for of in (row, baseline))
    if pairs != expected:
        yield f"calibration has {pairs:,} pairs, and that of the baseline {expected:,}"
    held = sum(tenth.true * tenth.pairs for tenth in row.calibration)
    if not isclose(held, float(true.sum()), rel_tol=SUMMED_ROUNDING, abs_tol=SUMMED_ROUNDING):
        yield f"calibration has {held:,.0f} true pairs, and its outcomes {true.sum():,}"


def _same(row: Row, ours: BenchmarkRow) -> Iterator[str]:
    for name in SAME:
        if not isclose(getattr(row, name), getattr(ours, name), abs_tol=ROUNDING):
            yield f"{name} of the baseline is {getattr(row, name)}, and ours is {getattr(ours, name)}"
