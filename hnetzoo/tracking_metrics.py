"""The metrics of localization and tracking, under their public name."""

from hnetzoo.tracking.metrics import (
    Gospa,
    TrackingCounts,
    clear_association,
    clear_mot,
    gospa,
    localization,
    ospa,
)

__all__ = ["Gospa", "TrackingCounts", "clear_association", "clear_mot", "gospa", "localization", "ospa"]
