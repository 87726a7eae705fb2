"""Settings of trackers, and kinds of distance between boxes. Torch-free."""

from typing import Literal

from pydantic import FiniteFloat, PositiveInt

from hnetzoo.config import Config

BoxDistance = Literal["iou", "centre", "iou-motion", "motion"]
"""Kinds of distance between boxes: "iou", 1 - intersection over union, 0..1; "centre", the distance of the centres over
the mean of both heights; "iou-motion" and "motion", the same from where the velocity of a track points."""


class TrackerConfig(Config):
    """Settings of Tracker."""

    distance: BoxDistance = "motion"
    """Distance that the matcher sees."""
    history: PositiveInt = 5
    """Frames over which the velocity of a track is measured at most, if it was seen in them."""
    patience: PositiveInt = 30
    """Frames after which a track that is not seen ends."""
    birth_confidence: FiniteFloat | None = None
    """Least confidence of an unmatched detection that begins a track [as in the file]; others are left out."""
