"""Losses for training through an association: tracking, permutation-invariant, ADPIT and activity, and distances.

Conventions: references before predictions; points are float [b, t, n, k] and [b, t, m, k] for b sequences of t frames,
masks bool [b, t, n] and [b, t, m]. The tracking and permutation-invariant losses are modules that take points and
return a scalar; their `terms` takes distances [b, t, n, m] and returns the named parts, and their `associate` returns
the association. Sums over the whole batch are divided once, so a frame with more sources has more weight.
"""

from hnetzoo.losses.activity import ActivityLoss
from hnetzoo.losses.adpit import ADPITLoss
from hnetzoo.losses.classes import class_distance
from hnetzoo.losses.distances import (
    Metric,
    chordal_distance,
    great_circle_distance,
    polar_distance,
    squared_euclidean_distance,
)
from hnetzoo.losses.permutation_invariant import PermutationInvariantLoss
from hnetzoo.losses.tracking import TrackingLoss

__all__ = [
    "ADPITLoss",
    "ActivityLoss",
    "Metric",
    "PermutationInvariantLoss",
    "TrackingLoss",
    "chordal_distance",
    "class_distance",
    "great_circle_distance",
    "polar_distance",
    "squared_euclidean_distance",
]
