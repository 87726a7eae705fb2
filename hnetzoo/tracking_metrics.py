"""Public module of the localization and tracking metrics."""

from hnetzoo.tracking.clear import clear_association, clear_mot, localization
from hnetzoo.tracking.counts import TrackingCounts
from hnetzoo.tracking.gospa import Gospa, gospa, ospa

__all__ = ["Gospa", "TrackingCounts", "clear_association", "clear_mot", "gospa", "localization", "ospa"]
