"""Public module of the localization and tracking metrics."""

from hnetzoo.tracking.clear import clear_association, clear_mot, localization
from hnetzoo.tracking.counts import HOTA_THRESHOLDS, HotaCounts, IdentityCounts, TrackingCounts
from hnetzoo.tracking.gospa import Gospa, gospa, ospa
from hnetzoo.tracking.hota import hota
from hnetzoo.tracking.identity import identity_counts
from hnetzoo.tracking.seld import seld_counts
from hnetzoo.tracking.seld_counts import SeldCounts, SeldScores

__all__ = [
    "HOTA_THRESHOLDS",
    "Gospa",
    "HotaCounts",
    "IdentityCounts",
    "SeldCounts",
    "SeldScores",
    "TrackingCounts",
    "clear_association",
    "clear_mot",
    "gospa",
    "hota",
    "identity_counts",
    "localization",
    "ospa",
    "seld_counts",
]
