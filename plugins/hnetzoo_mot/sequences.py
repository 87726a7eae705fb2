"""A sequence: ground truth and predictions frame by frame, and which of them match.

Conventions: `f` frames, where frame number 1 has index 0 and the last frame is the last one in either file; frames
without boxes count as well.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import hnetzoo
from hnetzoo.boxes import Slots, box_slots, check_identities, drop_ignored, match_boxes, read_boxes
from hnetzoo_mot.config import MOTConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

UNMATCHED = -1  # identity of a prediction that matches no ground truth
LINK = 0.3  # least IoU from frame to frame at which a box without identity is followed


class History(NamedTuple):
    """How far the track of each slot has moved over its last frames: [f, s, 2] pixels in [f, s] frames; 0 if new."""

    moved: Floats
    frames: Ints


def history(slots: Slots, longest: int) -> History:
    """Return the histories of slots: since the earliest of the last `longest` frames in which the track was seen.

    The track of a box with an identity is that identity. One without is followed back through boxes that overlap it
    from frame to frame, so that the age of a track does not tell whether it has an identity.
    """
    centre = slots.box[..., :2] + slots.box[..., 2:] / 2
    links = match_boxes(slots.select(slice(1, None)), slots.select(slice(None, -1)), LINK)
    known = slots.exists & (slots.identity >= 0)
    age, slot = hnetzoo.earlier_sightings(slots.identity, known, longest, links)
    frame = np.arange(len(age))[:, None]
    return History(centre - np.where(age[..., None] > 0, centre[frame - age, slot], centre), age)


class Sequence(NamedTuple):
    """A sequence; a prediction's identity is that of the ground-truth box that it matches, or -1.

    In mode "detections" the identity of a ground-truth box is its place in the file, so that each has its own.
    """

    name: str
    reference: Slots
    predicted: Slots

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.reference.exists)


def find_sequences(config: MOTConfig) -> list[Path]:
    """Return the sequence folders that the settings name; raises DataError for a path without any."""
    return [folder for path in config.sequences for folder in _expand(path, config)]


def read_sequence(folder: Path, config: MOTConfig) -> Sequence:
    """Return a sequence, from both of its files.

    Predictions are matched with all ground-truth boxes, also ignored ones, by exact assignment on IoU among the pairs
    that reach the threshold. Ignored boxes and the predictions matched with them are then left out.

    Raises:
        DataError: If a file cannot be read or is malformed.
    """
    truth, found = (read_boxes(_file(folder, name)) for name in (config.reference_file, config.prediction_file))
    if config.mode == "tracking":
        check_identities(truth)
    else:
        truth = truth._replace(identity=np.arange(len(truth.frame)))
    frames = int(max(truth.frame.max(initial=0), found.frame.max(initial=0)))
    reference, predicted = box_slots(truth, frames), box_slots(found, frames)
    if config.min_confidence is not None:
        predicted = predicted.compact(predicted.exists & (predicted.confidence >= config.min_confidence))
    pairs = match_boxes(reference, predicted, config.iou_threshold)
    identity = np.where(pairs, reference.identity[:, :, None], UNMATCHED).max(1, initial=UNMATCHED)
    predicted = predicted._replace(identity=identity)
    if not config.keep_ignored:
        reference, predicted = drop_ignored(reference, predicted, pairs)
    return Sequence(folder.name, reference.compact(reference.exists), predicted.compact(predicted.exists))


def _expand(path: Path, config: MOTConfig) -> list[Path]:
    if _file(path, config.reference_file).exists():
        return [path]
    inside = sorted(path.iterdir()) if path.is_dir() else []
    found = [folder for folder in inside if _file(folder, config.reference_file).exists()]
    if not found:
        raise hnetzoo.DataError(
            f"'{path}' has no ground truth '{config.reference_file}', nor has a folder in it; correct sequences or "
            "reference_file"
        )
    return found


def _file(folder: Path, name: str) -> Path:
    return folder / name.replace("{sequence}", folder.name)
