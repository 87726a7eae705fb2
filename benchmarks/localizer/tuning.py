"""Tuning: every criterion gets the same number of trials over as many settings, and the best validation decides.

The first trial has the settings as written. The others are a Latin hypercube, even in the logarithms of the ranges, and
the same one for all criteria: what differs is the names of the settings and their ranges.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats.qmc import LatinHypercube

from benchmarks.localizer.settings import CriterionEntry, Tuned, TuningSettings
from hnetzoo.errors import HnetzooError

FIELDS = ("learning_rate", "switch_cost")  # of a criterion; all other names are weights of terms


def trials(entry: CriterionEntry, tuning: TuningSettings) -> list[CriterionEntry]:
    """Return a criterion with the settings of each trial.

    Example:
        >>> entry = CriterionEntry(label="MSE", kind="fixed-order", search={"distance": (1, 10)})
        >>> drawn = trials(entry, TuningSettings(trials=3, seed=0))
        >>> len(drawn), drawn[0] == entry, all(1 <= trial.weights["distance"] <= 10 for trial in drawn[1:])
        (3, True, True)
    """
    if tuning.trials == 1 or not entry.search:
        return [entry] * tuning.trials
    points = LatinHypercube(len(entry.search), rng=np.random.default_rng(tuning.seed)).random(tuning.trials - 1)
    low, high = np.log(list(entry.search.values())).T
    values = np.exp(low + (high - low) * points).tolist()
    return [entry, *(_with(entry, dict(zip(entry.search, row, strict=True))) for row in values)]


def best_trial(rows: Sequence[dict[str, Any]]) -> int:
    """Return the number of the trial of the lowest validation GOSPA; trials that failed do not count.

    Raises:
        HnetzooError: If all of them failed.

    Example:
        >>> rows = [{"trial": 0, "failed": "no"}, {"trial": 1, "validation_gospa_deg": 9.0}]
        >>> best_trial(rows)
        1
    """
    finished = [row for row in rows if "failed" not in row]
    if not finished:
        raise HnetzooError(f"no trial of the tuning finished; the first: {rows[0]['failed'] if rows else 'none'}")
    return int(min(finished, key=lambda row: (row["validation_gospa_deg"], row["trial"]))["trial"])


def _with(entry: CriterionEntry, values: Mapping[Tuned, float]) -> CriterionEntry:
    """Return a criterion with other values of its settings."""
    fields: dict[str, Any] = {name: _rounded(value) for name, value in values.items() if name in FIELDS}
    weights = {name: _rounded(value) for name, value in values.items() if name not in FIELDS}
    return entry.model_copy(update={**fields, "weights": {**entry.weights, **weights}})


def _rounded(value: float) -> float:
    """Return a value with three digits, as it is reported."""
    return round(value, 2 - math.floor(math.log10(value)))
