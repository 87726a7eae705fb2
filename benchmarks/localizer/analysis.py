"""Paired differences between criteria: scores of the same seeds, with intervals, corrected for how many are compared.

A seed has its own training scenes, initial weights and test scenes, which all criteria share: seeds are blocks. The
residual of the two-way layout criteria x seeds estimates how much a training differs by chance, from all of its
criteria; it assumes that they differ alike. With two criteria this is the paired t-test.

Source: D. C. Montgomery, "Design and Analysis of Experiments", chapter 4 (randomised complete blocks); S. Holm, "A
simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics, 1979.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t

CONFIDENCE = 0.95


class Difference(NamedTuple):
    """Mean score of one criterion minus that of another, over seeds."""

    value: float
    low: float
    """Lower bound of its interval, for this comparison alone."""
    high: float
    """Upper bound."""
    p: float
    """Probability of a difference as large by chance, two-sided, for this comparison alone."""


def differences(scores: Mapping[str, Sequence[float]], pairs: Sequence[tuple[str, str]]) -> list[Difference]:
    """Return the differences of pairs of criteria, the first minus the second.

    Args:
        scores: Scores by criterion, one for each seed, in the same order; at least two criteria and two seeds.
        pairs: Names of criteria.

    Example:
        >>> (found,) = differences({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 2.0]}, [("a", "b")])
        >>> round(found.value, 3), round(found.low, 3), round(found.high, 3), round(found.p, 4)
        (1.333, -0.101, 2.768, 0.0572)
    """
    names, table = list(scores), np.array([*scores.values()], dtype=float)  # [criteria, seeds]
    criteria, seeds = table.shape
    residual = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean()
    freedom = (criteria - 1) * (seeds - 1)
    error = np.sqrt(2 / seeds * (residual**2).sum() / freedom)
    half = float(t.ppf((1 + CONFIDENCE) / 2, freedom) * error)
    found = []
    for first, second in pairs:
        value = float(table[names.index(first)].mean() - table[names.index(second)].mean())
        statistic = abs(value) / error if error > 0 else np.inf if value else 0.0
        found.append(Difference(value, value - half, value + half, float(2 * t.sf(statistic, freedom))))
    return found


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, so that the chance of any false finding is at most the level.

    Example:
        >>> [round(value, 3) for value in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=float)
    order = values.argsort(kind="stable")
    steps = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)).clip(max=1.0)
    corrected = np.empty_like(values)
    corrected[order] = steps
    return [float(value) for value in corrected]
