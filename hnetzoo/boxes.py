"""Public module of boxes: their distances and features, MOTChallenge files, and the tracker."""

from hnetzoo.tracking.box_files import Boxes, check_identities, read_boxes, write_tracks
from hnetzoo.tracking.box_slots import Slots, box_slots, drop_ignored, match_boxes
from hnetzoo.tracking.boxes import (
    FEATURES,
    box_distance,
    box_features,
    centre_distance,
    covered_share,
    intersection_over_union,
    iou_distance,
)
from hnetzoo.tracking.settings import TrackerConfig, box_unit
from hnetzoo.tracking.track_scores import TrackScores, score_tracks
from hnetzoo.tracking.tracker import Tracker

__all__ = [
    "FEATURES",
    "Boxes",
    "Slots",
    "TrackScores",
    "Tracker",
    "TrackerConfig",
    "box_distance",
    "box_features",
    "box_slots",
    "box_unit",
    "centre_distance",
    "check_identities",
    "covered_share",
    "drop_ignored",
    "intersection_over_union",
    "iou_distance",
    "match_boxes",
    "read_boxes",
    "score_tracks",
    "write_tracks",
]
