"""Where sources and tracks meet: pairs of identities, sparse, over whole sequences.

Conventions as in `hnetzoo.tracking.sequences`.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hnetzoo.tracking.owners import Owners

Integers = NDArray[np.int64]
Numbers = NDArray[Any]


class Encounters(NamedTuple):
    """The cells in which sources and tracks meet, and the pair of identities of each.

    Identities are numbered over all sequences, so that those of different sequences never meet.

    Fields:
        cells: The place of each cell (sequence, frame, row, column), four arrays [cells].
        pair: The pair of identities of each cell, [cells].
        reference: The source of each pair, [pairs].
        prediction: The track of each pair, [pairs].
        reference_frames: In how many frames each source is, [sources].
        prediction_frames: In how many frames each track is, [tracks].
        reference_sequence: The sequence of each source, [sources], ascending.
        prediction_sequence: The sequence of each track, [tracks], ascending.
    """

    cells: tuple[Integers, ...]
    pair: Integers
    reference: Integers
    prediction: Integers
    reference_frames: Integers
    prediction_frames: Integers
    reference_sequence: Integers
    prediction_sequence: Integers

    def slots(self, axis: int, shape: tuple[int, ...]) -> Integers:
        """Return the row (axis 2) or column (3) of each cell, numbered over all frames of `shape` [b, t, n, m]."""
        place = (*self.cells[:2], self.cells[axis])
        return np.ravel_multi_index(place, (*shape[:2], shape[axis]))

    def frames_of_either(self, both: Numbers) -> Numbers:
        """Return the frames of the source and of the track of a pair, less those of both, [..., pairs]."""
        frames: Numbers = self.reference_frames[self.reference] + self.prediction_frames[self.prediction] - both
        return frames


def encounters(near: Tensor, rows: Tensor, columns: Tensor, numbers: Owners) -> Encounters:
    """Return where sources and tracks meet.

    Args:
        near: Bool [b, t, n, m], the cells in which they do; within the masks.
        rows: Bool [b, t, n], the references that exist.
        columns: Bool [b, t, m], the predictions that exist.
        numbers: Who is in which slot.
    """
    reference, reference_frames, reference_sequence = _numbered(rows, numbers.reference, numbers.life)
    prediction, prediction_frames, prediction_sequence = _numbered(columns, numbers.prediction)
    sequence, frame, row, column = (axis.numpy() for axis in near.cpu().nonzero(as_tuple=True))
    tracks = max(1, len(prediction_frames))
    keys = reference[sequence, frame, row] * tracks + prediction[sequence, frame, column]
    found, pair = np.unique(keys, return_inverse=True)
    return Encounters(
        (sequence, frame, row, column),
        pair,
        *np.divmod(found, tracks),
        reference_frames,
        prediction_frames,
        reference_sequence,
        prediction_sequence,
    )


def _numbered(mask: Tensor, *owner: Tensor) -> tuple[Integers, Integers, Integers]:
    """Return identities by slot from 0 over all sequences, [b, t, slots], their frames and their sequences."""
    there = mask.cpu().numpy()
    key = sequence = np.nonzero(there)[0]
    for values in owner:
        found, rank = np.unique(values.cpu().numpy()[there], return_inverse=True)
        key = key * len(found) + rank
        key = np.unique(key, return_inverse=True)[1]  # numbers from 0 again, so that keys stay small
    numbers = np.full(there.shape, -1)
    numbers[there] = key
    first = np.unique(key, return_index=True)[1]
    return numbers, np.bincount(key), sequence[first]
