"""Paired differences and their correction against hand-worked cases and scipy."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_rel

from benchmarks.localizer.analysis import differences, holm


def test_with_two_criteria_the_block_design_is_the_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(size=(2, 5))
    (found,) = differences({"a": list(first), "b": list(second)}, [("a", "b")])
    expected = ttest_rel(first, second)
    interval = expected.confidence_interval(0.95)
    assert found.value == pytest.approx((first - second).mean())
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_what_a_seed_adds_to_all_criteria_changes_nothing() -> None:
    generator = np.random.default_rng(1)
    table, shift = generator.normal(size=(4, 5)), 100 * generator.normal(size=5)
    plain, shifted = (
        differences({str(index): list(row) for index, row in enumerate(rows)}, [("0", "1"), ("3", "2")])
        for rows in (table, table + shift)
    )
    assert np.allclose(plain, shifted)


def test_chance_is_estimated_from_all_criteria_by_hand() -> None:
    scores = {"a": [1.0, 3.0], "b": [0.0, 0.0], "c": [2.0, 0.0]}
    # Residuals: seed means 1 and 1, criterion means 2, 0 and 1, so -1, 1; 0, 0; 1, -1: a sum of squares of 4 over 2.
    (found,) = differences(scores, [("a", "b")])
    assert found.value == 2
    assert found.high - found.value == pytest.approx(4.302653 * 2**0.5)  # t of 2 degrees, sqrt(2 / 2 seeds * 2)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(2)
    tables = generator.normal(size=(400, 4, 5)) + 3 * generator.normal(size=(400, 1, 5))
    found = [differences(dict(zip("abcd", table.tolist(), strict=True)), [("a", "b")])[0] for table in tables]
    assert np.mean([one.low <= 0 <= one.high for one in found]) == pytest.approx(0.95, abs=0.03)
    assert np.mean([one.p < 0.05 for one in found]) == pytest.approx(0.05, abs=0.03)


def test_equal_scores_do_not_differ() -> None:
    (found,) = differences({"a": [1.0, 2.0], "b": [1.0, 2.0]}, [("a", "b")])
    assert found == (0.0, 0.0, 0.0, 1.0)


def test_holm_is_that_of_a_hand_worked_case() -> None:
    # Sorted: .005 x 4, .01 x 3, .03 x 2, .04 x 1, each at least the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize("values", [[], [0.2], [0.5, 0.9, 0.7], [0.0, 0.0, 1.0]])
def test_holm_is_between_the_value_and_bonferroni(values: list[float]) -> None:
    corrected = holm(values)
    assert len(corrected) == len(values)
    for value, found in zip(values, corrected, strict=True):
        assert value <= found <= min(1.0, value * len(values)) or found == max(corrected)


def test_holm_is_stricter_than_a_control_of_the_false_discovery_rate() -> None:
    values = np.random.default_rng(3).uniform(0, 0.2, 20)
    assert (np.array(holm(list(values))) >= false_discovery_control(values) - 1e-12).all()
