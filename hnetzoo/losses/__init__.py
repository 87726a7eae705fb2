"""Losses for training through an association: tracking, permutation-invariant, activity, and the distances they use.

Conventions: references before predictions; points are float [b, t, n, k] and [b, t, m, k] for b sequences of t frames,
masks bool [b, t, n] and [b, t, m]. A loss is a module whose call takes points and returns a scalar; its `terms` take
distances [b, t, n, m] and return the named parts, and its `associate` returns who belongs to whom. Sums are taken over
the whole batch before they are divided, so frames and sequences weigh by what is in them.
"""

from hnetzoo.losses.activity import ActivityLoss
from hnetzoo.losses.distances import Metric, chordal_distance, great_circle_distance, squared_euclidean_distance
from hnetzoo.losses.permutation_invariant import PermutationInvariantLoss
from hnetzoo.losses.tracking import TrackingLoss

__all__ = [
    "ActivityLoss",
    "Metric",
    "PermutationInvariantLoss",
    "TrackingLoss",
    "chordal_distance",
    "great_circle_distance",
    "squared_euclidean_distance",
]
