"""Settings of trackers, and kinds of distance between boxes. Torch-free."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, PositiveInt

from hnetzoo.config import Config

LONGEST_HISTORY = 1000
"""Frames that are kept of each track at most; bounds memory."""
BoxDistance = Literal["iou", "centre", "iou-motion", "motion"]
"""Kinds of distance between boxes: "iou", 1 - intersection over union, 0..1; "centre", the distance of the centres over
the mean of both heights; "iou-motion" and "motion", the same from where the velocity of a track points."""

MEASURE_OF: Mapping[BoxDistance, str] = {"iou": "iou", "iou-motion": "iou", "centre": "centre", "motion": "centre"}
"""What each kind of distance measures."""
_UNITS: Mapping[str, str] = {"iou": "1 - IoU", "centre": "mean box heights"}


def box_unit(kind: BoxDistance) -> str:
    """Return the unit of a kind of distance.

    Example:
        >>> box_unit("iou-motion"), box_unit("motion")
        ('1 - IoU', 'mean box heights')
    """
    return _UNITS[MEASURE_OF[kind]]


class TrackerConfig(Config):
    """Settings of Tracker.

    Example:
        >>> TrackerConfig(patience=10).distance
        'motion'
    """

    distance: BoxDistance = "motion"
    """Distance that the matcher sees."""
    history: Annotated[int, Field(ge=1, le=LONGEST_HISTORY)] = 5
    """Frames over which the velocity of a track is measured at most, if it was seen in them."""
    patience: PositiveInt = 30
    """Frames after which a track that is not seen ends."""
    birth_confidence: FiniteFloat | None = None
    """Least confidence of an unmatched detection that begins a track [as in the file]; others are left out."""
