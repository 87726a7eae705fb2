"""Distances between boxes, and the features of boxes that go with them.

Conventions: a box is left, top, width, height [pixels], float64 [..., 4]; width and height are above 0. Slots without a
box may hold zeros, which are at distance 1 (iou) or 0 (centre) from each other, never NaN.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hnetzoo.tracking.settings import MEASURE_OF, BoxDistance

Floats = NDArray[np.float64]


def intersection_over_union(reference: Floats, predicted: Floats) -> Floats:
    """Return the intersection over union of boxes.

    Args:
        reference: Boxes, [..., n, 4].
        predicted: Boxes, [..., m, 4].

    Returns:
        [..., n, m], 0..1.

    Example:
        >>> first = np.array([[0.0, 0.0, 2.0, 2.0]])
        >>> intersection_over_union(first, np.array([[1.0, 0.0, 2.0, 2.0], [5.0, 5.0, 1.0, 1.0]])).round(3).tolist()
        [[0.333, 0.0]]
    """
    rows, columns = reference[..., :, None, :], predicted[..., None, :, :]
    shared = _overlap(rows, columns, 0)
    shared *= _overlap(rows, columns, 1)
    union = rows[..., 2:].prod(-1) + columns[..., 2:].prod(-1)
    union -= shared
    union[union == 0] = 1.0  # of slots without a box
    shared /= union
    return np.minimum(shared, 1.0, out=shared)  # equal boxes may be rounded above


def _overlap(rows: Floats, columns: Floats, axis: int) -> Floats:
    """Return how far boxes overlap from left to right (axis 0) or from top to bottom (1) [pixels]."""
    overlap: Floats = np.minimum(rows[..., axis] + rows[..., axis + 2], columns[..., axis] + columns[..., axis + 2])
    overlap -= np.maximum(rows[..., axis], columns[..., axis])
    return np.maximum(overlap, 0, out=overlap)


def iou_distance(reference: Floats, predicted: Floats) -> Floats:
    """Return 1 - intersection over union; arguments and shape as in `intersection_over_union`.

    Example:
        >>> box = np.array([[0.0, 0.0, 2.0, 2.0]])
        >>> iou_distance(box, box).tolist()
        [[0.0]]
    """
    shared = intersection_over_union(reference, predicted)
    return np.subtract(1, shared, out=shared)


def centre_distance(reference: Floats, predicted: Floats) -> Floats:
    """Return the distances of box centres in units of the mean of both heights, [..., n, m]; independent of depth.

    Heights are used because the width of a walking person changes with every step. Arguments as in
    `intersection_over_union`.

    Example:
        >>> first = np.array([[0.0, 0.0, 2.0, 10.0]])
        >>> centre_distance(first, np.array([[5.0, 0.0, 2.0, 10.0]])).tolist()
        [[0.5]]
    """
    rows, columns = reference[..., :, None, :], predicted[..., None, :, :]
    offset = rows[..., :2] + rows[..., 2:] / 2 - columns[..., :2] - columns[..., 2:] / 2
    return _ratio(np.hypot(offset[..., 0], offset[..., 1]), (rows[..., 3] + columns[..., 3]) / 2)


_MEASURES: Mapping[str, Callable[[Floats, Floats], Floats]] = {"iou": iou_distance, "centre": centre_distance}
_MOVED = frozenset({"iou-motion", "motion"})


def box_distance(kind: BoxDistance, reference: Floats, predicted: Floats, expected: Floats) -> Floats:
    """Return distances of a kind, [..., n, m].

    Args:
        kind: With "motion", references are first displaced as expected.
        reference: Boxes, [..., n, 4].
        predicted: Boxes, [..., m, 4].
        expected: Displacement until the frame of the predictions [pixels], [..., n, 2].

    Example:
        >>> first, moved = np.array([[0.0, 0.0, 2.0, 10.0]]), np.array([[5.0, 0.0]])
        >>> there = first + (5.0, 0.0, 0.0, 0.0)
        >>> box_distance("centre", first, there, moved).item(), box_distance("motion", first, there, moved).item()
        (0.5, 0.0)
    """
    moved = reference + np.concatenate((expected, np.zeros_like(expected)), -1)
    return _MEASURES[MEASURE_OF[kind]](moved if kind in _MOVED else reference, predicted)


def covered_share(box: Floats, exists: NDArray[np.bool_]) -> Floats:
    """Return the largest share of each box, [..., s], that one box in front of it covers: whose lower edge is lower.

    Args:
        box: Boxes, [..., s, 4].
        exists: Which slots hold a box, bool [..., s].

    Example:
        >>> boxes = np.array([[0.0, 0.0, 2.0, 4.0], [1.0, 0.0, 2.0, 5.0]])
        >>> covered_share(boxes, np.array([True, True])).tolist()
        [0.5, 0.0]
    """
    first, second = box[..., :, None, :], box[..., None, :, :]
    start = np.maximum(first[..., :2], second[..., :2])
    end = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    foot = box[..., 1] + box[..., 3]
    front = (foot[..., None, :] > foot[..., :, None]) & exists[..., None, :]
    covered = (end - start).clip(0).prod(-1) * front
    share: Floats = _ratio(covered, np.broadcast_to(box[..., None, 2:].prod(-1), covered.shape)).max(-1)
    return share


FEATURES = ("x", "y", "width", "height", "dx", "dy", "age", "confidence", "gap")
"""Features of a box: centre and size [pixels]; the displacement until the frame of the predictions that the velocity
of the track lets expect [pixels]; the frames over which that was measured, 0 if it is not known; confidence; and the
frames between references and predictions. Predictions have no velocity. Pixels may be any unit of length."""


def box_features(
    box: Floats, confidence: Floats, gap: Floats, expected: Floats | None = None, age: Floats | None = None
) -> Floats:
    """Return the features of boxes, [..., s, 9], in the order of FEATURES.

    Args:
        box: Boxes, [..., s, 4].
        confidence: [..., s].
        gap: Frames, [..., s].
        expected: Displacement [pixels], [..., s, 2]; None means not known.
        age: Frames, [..., s]; None means 0.

    Example:
        >>> box_features(np.array([[0.0, 0.0, 2.0, 10.0]]), np.array([0.9]), np.array([5.0])).tolist()
        [[1.0, 5.0, 2.0, 10.0, 0.0, 0.0, 0.0, 0.9, 5.0]]
    """
    centre = box[..., :2] + box[..., 2:] / 2
    known = np.zeros_like(confidence) if age is None else age
    moved = np.zeros_like(centre) if expected is None else np.where(known[..., None] > 0, expected, 0.0)
    single = [values[..., None] for values in (known, confidence, gap)]
    return np.concatenate((centre, box[..., 2:], moved, *single), -1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
