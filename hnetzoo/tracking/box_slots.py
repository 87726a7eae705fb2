"""Boxes by frame and slot, and which of them match.

Conventions: `f` frames, where frame number 1 has index 0, and `s` slots; frames without boxes count as well.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hnetzoo.association.assignment import assign
from hnetzoo.association.number_lines import spread_over_frames
from hnetzoo.tracking.box_files import Boxes
from hnetzoo.tracking.boxes import Floats, iou_distance

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CHUNK = 32  # frames per step; what is computed in between stays in the processor's cache


class Slots(NamedTuple):
    """Boxes of each frame in slots, as `box_slots` returns it.

    Fields:
        exists: Which slots hold a box, bool [f, s].
        box: Left, top, width and height [pixels], float64 [f, s, 4].
        identity: Tracks or sources, int64 [f, s].
        confidence: Float64 [f, s].

    Example:
        >>> slots = Slots(np.array([[True, False]]), np.zeros((1, 2, 4)), np.array([[7, 0]]), np.ones((1, 2)))
        >>> slots.compact(slots.exists).identity.tolist()
        [[7]]
    """

    exists: Bools
    box: Floats
    identity: Ints
    confidence: Floats

    def compact(self, keep: Bools) -> "Slots":
        """Return the slots to keep, bool [f, s], moved to the front of each frame."""
        order = np.argsort(~keep, axis=1, kind="stable")[:, : max(1, keep.sum(1).max(initial=0))]
        frame = np.arange(len(order))[:, None]
        return Slots._make(field[frame, order] for field in self._replace(exists=keep))

    def select(self, frames: slice) -> "Slots":
        """Return some of the frames."""
        return Slots._make(field[frames] for field in self)

    def chunks(self) -> Iterator["Slots"]:
        """Yield consecutive parts of at most 32 frames; an empty one of no frames."""
        for start in range(0, max(1, len(self.exists)), CHUNK):
            yield self.select(slice(start, start + CHUNK))


def box_slots(boxes: Boxes, frames: int) -> Slots:
    """Return boxes by frame and slot, in the order of the file.

    Args:
        boxes: Boxes of a file.
        frames: Number of frames, f; at least the last frame of the boxes.

    Returns:
        As many slots in every frame as the fullest one has boxes, at least one.

    Raises:
        DataError: If there are more than 2^26 slots in all.

    Example:
        >>> box = np.array([[0.0, 0.0, 10.0, 20.0], [50.0, 0.0, 10.0, 20.0]])
        >>> boxes = Boxes._make([np.array([2, 2]), np.array([7, 8]), box, np.ones(2), None])
        >>> box_slots(boxes, 2).exists.tolist()
        [[False, False], [True, True]]
    """
    return Slots(*spread_over_frames(boxes.frame - 1, frames, boxes.box, boxes.identity, boxes.confidence))


def match_boxes(reference: Slots, predicted: Slots, threshold: float) -> Bools:
    """Return matches frame by frame: as many pairs as possible of at least this IoU, at the largest total IoU.

    Args:
        reference: n slots in f frames.
        predicted: m slots in as many frames.
        threshold: Least IoU of a pair, above 0.

    Returns:
        Bool [f, n, m].

    Example:
        >>> def slots(*lefts):
        ...     boxes = np.array([[[left, 0.0, 10.0, 20.0] for left in lefts]])
        ...     every = np.ones((1, len(lefts)))
        ...     return Slots(every > 0, boxes, np.zeros((1, len(lefts)), int), every)
        >>> match_boxes(slots(0.0, 50.0), slots(51.0, 2.0, 8.0), 0.5).astype(int).tolist()
        [[[0, 1, 0], [1, 0, 0]]]
    """
    parts = []
    for rows, columns in zip(reference.chunks(), predicted.chunks(), strict=True):
        cost = torch.from_numpy(iou_distance(rows.box, columns.box))
        masks = torch.from_numpy(rows.exists), torch.from_numpy(columns.exists)
        parts.append(assign(cost, *masks, gate=1 - threshold).numpy())
    return np.concatenate(parts)


def drop_ignored(reference: Slots, predicted: Slots, pairs: Bools) -> tuple[Slots, Slots]:
    """Return the slots without references that are to be ignored (confidence 0), nor predictions paired with them.

    Args:
        reference: Ground truth.
        predicted: Predictions.
        pairs: Which match, bool [f, n, m].

    Example:
        >>> def slots(*confidence):
        ...     every = np.ones((1, len(confidence)))
        ...     return Slots(every > 0, np.zeros((1, len(confidence), 4)), every.astype(int), np.array([confidence]))
        >>> pairs = np.eye(2, dtype=bool)[None]
        >>> [side.exists.sum().item() for side in drop_ignored(slots(1.0, 0.0), slots(0.9, 0.8), pairs)]
        [1, 1]
    """
    ignored = reference.confidence == 0
    on_ignored = (pairs & ignored[:, :, None]).any(1)
    return reference.compact(reference.exists & ~ignored), predicted.compact(predicted.exists & ~on_ignored)
