"""Counts against brute force over every small binary matrix; ratios against scikit-learn."""

from dataclasses import asdict, fields
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_score, recall_score
from torch import Tensor

from hnetzoo import AssociationBatch
from hnetzoo.association.counts import AssociationCounts, compare

SHAPES = tuple(product(range(3), repeat=2))


def every_matrix(n: int, m: int) -> Tensor:
    """Return all binary matrices, bool [2^(n m), n, m]."""
    matrices = list(product((False, True), repeat=n * m))
    return torch.tensor(matrices, dtype=torch.bool).reshape(len(matrices), n, m)


def every_comparison(n: int, m: int) -> tuple[Tensor, Tensor]:
    """Return every pair of a predicted and a true matrix; compare does not check that the truth is valid."""
    matrices = every_matrix(n, m)
    found, true = (index.flatten() for index in torch.meshgrid(*[torch.arange(len(matrices))] * 2, indexing="ij"))
    return matrices[found], matrices[true]


def problems(truth: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> AssociationBatch:
    batch = AssociationBatch.with_full_masks(torch.full(truth.shape, torch.nan), truth)
    return batch._replace(
        row_mask=batch.row_mask if row_mask is None else row_mask,
        col_mask=batch.col_mask if col_mask is None else col_mask,
    )


def brute_force(found: Tensor, batch: AssociationBatch) -> AssociationCounts:
    """Return the counts, entry by entry in plain Python."""
    counts = dict.fromkeys((field.name for field in fields(AssociationCounts)), 0)
    b, n, m = found.shape
    for problem in range(b):
        rows = [i for i in range(n) if batch.row_mask[problem, i]]
        columns = [j for j in range(m) if batch.col_mask[problem, j]]
        taken = {(i, j) for i in rows for j in columns if found[problem, i, j]}
        right = {(i, j) for i in rows for j in columns if batch.association[problem, i, j]}
        counts["true_positives"] += len(taken & right)
        counts["false_positives"] += len(taken - right)
        counts["false_negatives"] += len(right - taken)
        counts["problems"] += 1
        counts["exact"] += taken == right
        counts["valid"] += len({i for i, _ in taken}) == len(taken) == len({j for _, j in taken})
    return AssociationCounts(**counts)


def assert_ratios_equal_sklearn(counts: AssociationCounts, found: Tensor, truth: Tensor) -> None:
    """Check the ratios; 0/0 is 1 without true and predicted pairs, and 0 if only one of the two is missing."""
    y_true, y_pred = truth.flatten().numpy(), found.flatten().numpy()
    nothing = not (y_true.any() or y_pred.any())
    for name, oracle in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        expected = oracle(y_true, y_pred, zero_division=int(nothing)) if len(y_true) else 1.0
        assert getattr(counts, name) == pytest.approx(expected, abs=1e-12)
    assert counts.vacuous == nothing


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_counts_of_every_matrix_against_every_other_equal_brute_force(n: int, m: int) -> None:
    found, truth = every_comparison(n, m)
    batch = problems(truth)
    assert compare(found, batch).total() == brute_force(found, batch)
    for index in range(0, len(found), 7):
        one = slice(index, index + 1)
        assert compare(found, batch).total(torch.arange(len(found)) == index) == brute_force(
            found[one], batch.select(one)
        )


@pytest.mark.parametrize(("n", "m"), SHAPES)
def test_ratios_of_every_matrix_against_every_other_equal_sklearn(n: int, m: int) -> None:
    found, truth = every_comparison(n, m)
    for index in range(len(found)):
        one = slice(index, index + 1)
        assert_ratios_equal_sklearn(compare(found[one], problems(truth[one])).total(), found[one], truth[one])


def test_random_problems_of_three_by_three_equal_brute_force_and_sklearn(generator: torch.Generator) -> None:
    found, truth = torch.rand(2, 300, 3, 3, generator=generator) < 0.3
    counts = compare(found, problems(truth)).total()
    assert counts == brute_force(found, problems(truth))
    assert 0 < counts.exact < counts.valid < counts.problems, "the sample must hold every kind of problem"
    assert_ratios_equal_sklearn(counts, found, truth)


def test_pairs_outside_the_masks_are_not_counted(generator: torch.Generator) -> None:
    found, truth = torch.rand(2, 200, 3, 4, generator=generator) < 0.5
    masks = torch.rand(200, 3, generator=generator) < 0.7, torch.rand(200, 4, generator=generator) < 0.7
    batch = problems(truth, *masks)
    outside = ~batch.cells
    counts = compare(found, batch).total()
    assert counts == brute_force(found, batch)
    for garbage in (True, False):
        other = batch._replace(association=truth.masked_fill(outside, garbage))
        assert compare(found.masked_fill(outside, garbage), other).total() == counts
    assert counts != compare(found, problems(truth)).total()


def test_fully_masked_problems_are_vacuous_and_exact() -> None:
    absent = torch.zeros(5, 2).bool()
    counts = compare(torch.ones(5, 2, 2).bool(), problems(torch.zeros(5, 2, 2).bool(), absent, absent)).total()
    assert counts == AssociationCounts(problems=5, exact=5, valid=5)
    assert counts.vacuous


@pytest.mark.parametrize("cut", [0, 1, 20, 50])
def test_counts_of_parts_add_up_to_the_counts_of_the_whole(cut: int, generator: torch.Generator) -> None:
    found, truth = torch.rand(2, 50, 2, 3, generator=generator) < 0.4
    parts = [
        compare(found[part], problems(truth[part])).total() for part in (slice(0, cut), slice(cut, None))
    ]  # fmt: skip
    whole = compare(found, problems(truth)).total()
    assert parts[0] + parts[1] == parts[1] + parts[0] == whole
    assert whole + AssociationCounts() == whole


def test_totals_of_groups_add_up_to_the_total(generator: torch.Generator) -> None:
    found, truth = torch.rand(2, 50, 2, 2, generator=generator) < 0.4
    outcomes = compare(found, problems(truth))
    group = torch.randint(0, 3, (50,), generator=generator)
    sums = sum((outcomes.total(group == index) for index in range(3)), AssociationCounts())
    assert sums == outcomes.total()
    assert outcomes.total(group == 9) == AssociationCounts()


@pytest.mark.parametrize(
    ("found", "wanted", "precision", "recall", "f1", "vacuous"),
    [(0, 0, 1.0, 1.0, 1.0, True), (1, 0, 0.0, 0.0, 0.0, False), (0, 1, 0.0, 0.0, 0.0, False)],
    ids=["nothing-found-nothing-wanted", "found-nothing-wanted", "wanted-nothing-found"],
)
def test_zero_by_zero_is_one_only_without_true_and_predicted_pairs(
    found: int, wanted: int, precision: float, recall: float, f1: float, vacuous: bool
) -> None:
    counts = compare(torch.tensor([[[found]]]).bool(), problems(torch.tensor([[[wanted]]]).bool())).total()
    assert (counts.precision, counts.recall, counts.f1, counts.vacuous) == (precision, recall, f1, vacuous)


def test_shares_of_no_problems_are_one() -> None:
    counts = compare(torch.zeros(0, 2, 2).bool(), problems(torch.zeros(0, 2, 2).bool())).total()
    assert counts == AssociationCounts()
    assert (counts.exact_share, counts.validity, counts.f1) == (1.0, 1.0, 1.0)


def test_shares_are_parts_of_all_problems() -> None:
    truth = torch.eye(2).bool().expand(4, 2, 2)
    found = truth.clone()
    found[0] = True  # two pairs in a row: not valid, and so not exact
    found[1] = False  # valid, not exact
    counts = compare(found, problems(truth)).total()
    assert (counts.exact_share, counts.validity) == (0.5, 0.75)


def test_counts_are_plain_integers() -> None:
    counts = compare(torch.ones(2, 2, 2).bool(), problems(torch.zeros(2, 2, 2).bool())).total()
    assert {type(value) for value in asdict(counts).values()} == {int}


def test_ratios_come_from_sums_and_not_from_means_of_parts() -> None:
    parts = AssociationCounts(true_positives=9), AssociationCounts(false_positives=1, false_negatives=1)
    assert np.mean([part.f1 for part in parts]) == 0.5
    assert (parts[0] + parts[1]).f1 == 0.9
