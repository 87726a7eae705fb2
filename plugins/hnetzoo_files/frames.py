"""Frames of two files, paired by time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import hnetzoo
from hnetzoo_files.directions import LAST_FRAME, Directions, Floats, Ints

Bools = NDArray[np.bool_]


class Pairing(NamedTuple):
    """The frame of every line of both files, int64 [l], and the number of frames."""

    reference: Ints
    predicted: Ints
    frames: int


class Slots(NamedTuple):
    """Directions of each frame in slots: which exist, bool [f, s], unit vectors [f, s, 3], identity int64 [f, s, 2]."""

    exists: Bools
    vector: Floats
    identity: Ints


def pair_frames(reference_s: Floats, predicted_s: Floats, tolerance_s: float) -> tuple[Pairing, Floats]:
    """Return the times of two files paired into frames; a time without a partner is a frame with one side empty.

    Args:
        reference_s: Times of the lines, [l] [seconds], in any order.
        predicted_s: Likewise.
        tolerance_s: Largest difference between the times of one frame [seconds].

    Returns:
        The pairing, and the time of every frame, [frames], ascending.

    Raises:
        DataError: If two times of the predictions fall on one time of the references.

    Example:
        >>> pairing, times = pair_frames(np.array([0.1, 0.1, 0.2]), np.array([0.101, 0.3]), 0.01)
        >>> pairing.reference.tolist(), pairing.predicted.tolist(), times.tolist()
        ([0, 0, 1], [0, 2], [0.1, 0.2, 0.3])
    """
    references, row = np.unique(reference_s, return_inverse=True)
    predictions, column = np.unique(predicted_s, return_inverse=True)
    nearest = _nearest(references, predictions)
    difference = np.abs(np.append(references, np.inf)[nearest] - predictions)
    partner = difference <= tolerance_s
    _, counts = np.unique(nearest[partner], return_counts=True)
    if (counts > 1).any():
        time = references[np.unique(nearest[partner])[counts > 1][0]]
        raise hnetzoo.DataError(
            f"several times of the predictions are within {tolerance_s} s of the reference time {time}; set "
            "tolerance_s below half the time between frames"
        )
    times = np.concatenate((references, predictions[~partner]))
    order = times.argsort()
    place = order.argsort()  # of every time among the sorted ones
    at = np.empty(len(predictions), dtype=np.int64)
    at[partner] = place[nearest[partner]]
    at[~partner] = place[len(references) :]
    return Pairing(place[: len(references)][row], at[column], len(times)), times[order]


def fill_silence(pairing: Pairing, times: Floats, hop_s: float, *, from_zero: bool) -> Pairing:
    """Return a pairing with a frame for every hop between two times, and before the first if frames count from 0.

    Raises:
        DataError: If there are then more than a million frames.
    """
    start = [-hop_s] if from_zero else times[:1] - hop_s
    silent = (np.diff(np.concatenate((start, times))) / hop_s).round() - 1
    place = np.arange(len(times)) + silent.clip(0).cumsum()
    if place.max(initial=0) > LAST_FRAME:
        raise hnetzoo.DataError(
            f"the times reach {times[-1]} s, beyond {LAST_FRAME} frames of {hop_s} s; correct the times or hop_s"
        )
    place = place.astype(np.int64)
    return Pairing(place[pairing.reference], place[pairing.predicted], int(place.max(initial=-1)) + 1)


def spread(directions: Directions, frame: Ints, frames: int) -> Slots:
    """Return directions by frame and slot, given the frame of each, int64 [l]; there is at least one slot."""
    return Slots(*hnetzoo.spread_over_frames(frame, frames, directions.vector, directions.identity))


def _nearest(references: Floats, predictions: Floats) -> Ints:
    """Return the index of the nearest reference of every prediction, both ascending; 0 if there is no reference."""
    after = np.searchsorted(references, predictions).clip(max=max(0, len(references) - 1))
    before = (after - 1).clip(min=0)
    padded = np.append(references, np.inf)
    nearer = np.abs(padded[before] - predictions) < np.abs(padded[after] - predictions)
    return np.where(nearer, before, after)
