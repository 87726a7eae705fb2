"""Distances between boxes.

Conventions: a box is left, top, width, height [pixels], float64 [..., 4]; width and height are above 0. Slots without a
box may hold zeros, which are at distance 1 (iou) or 0 (centre) from each other, never NaN.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from hnetzoo_mot.config import Distance

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
    start = np.maximum(rows[..., :2], columns[..., :2])
    end = np.minimum(rows[..., :2] + rows[..., 2:], columns[..., :2] + columns[..., 2:])
    intersection = (end - start).clip(0).prod(-1)
    union = rows[..., 2:].prod(-1) + columns[..., 2:].prod(-1) - intersection
    return _ratio(intersection, union)


def iou_distance(reference: Floats, predicted: Floats) -> Floats:
    """Return 1 - intersection over union; arguments and shape as in `intersection_over_union`."""
    distance: Floats = 1 - intersection_over_union(reference, predicted)
    return distance


def centre_distance(reference: Floats, predicted: Floats) -> Floats:
    """Return the distances of box centres in units of the mean of both heights, [..., n, m]; independent of depth.

    Heights are used because the width of a walking person changes with every step.

    Example:
        >>> first = np.array([[0.0, 0.0, 2.0, 10.0]])
        >>> centre_distance(first, np.array([[5.0, 0.0, 2.0, 10.0]])).tolist()
        [[0.5]]
    """
    rows, columns = reference[..., :, None, :], predicted[..., None, :, :]
    offset = rows[..., :2] + rows[..., 2:] / 2 - columns[..., :2] - columns[..., 2:] / 2
    return _ratio(np.hypot(offset[..., 0], offset[..., 1]), (rows[..., 3] + columns[..., 3]) / 2)


DISTANCES: Mapping[Distance, Callable[[Floats, Floats], Floats]] = {"iou": iou_distance, "centre": centre_distance}
UNITS: Mapping[Distance, str] = {"iou": "1 - IoU", "centre": "mean box heights"}


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
