"""HOTA: detection, association and localization in one score, over thresholds of similarity.

Conventions as in `hnetzoo.tracking.sequences`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.errors import ConfigError
from hnetzoo.tracking.counts import HOTA_THRESHOLDS, HotaCounts
from hnetzoo.tracking.encounters import Encounters, Integers, Numbers, encounters
from hnetzoo.tracking.owners import owners
from hnetzoo.tracking.sequences import full_sequence_masks, within_sequences

CHUNK = 32  # frames matched at once; bounds memory
EPSILON = float(np.finfo(float).eps)
"""Similarities so little below a threshold reach it, as in TrackEval."""


def hota(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    cutoff: float = 1.0,
    identity: Tensor | None = None,
    reference_identity: Tensor | None = None,
    prediction_identity: Tensor | None = None,
) -> HotaCounts:
    """Return the counts of HOTA at the thresholds of similarity 0.05, 0.1, ... 0.95.

    A frame is matched once for all thresholds: by similarity times how well a source and a track go together over the
    whole sequence. At each threshold the pairs that reach it count.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        cutoff: Distance of similarity 0 [unit of distance]; similarity falls linearly from 1. 1 for distances 1 - IoU.
        identity: As in `hnetzoo.tracking_metrics.localization`, like the next two.
        reference_identity: Integer [b, t, n].
        prediction_identity: Integer [b, t, m].

    Returns:
        The counts, additive over sequences, whose properties are HOTA, DetA, AssA, LocA and their parts.

    Raises:
        ConfigError: If the cutoff is not positive.
        ShapeError: If the shapes do not fit.
        DataError: If a distance inside the masks is NaN, or an identity is below 0 or occurs twice in a frame.

    Example:
        >>> distance = torch.tensor([[[[0.0, 1.0]], [[0.0, 1.0]], [[1.0, 0.0]]]])  # one source, followed by two tracks
        >>> counts = hota(distance)
        >>> round(counts.deta, 3), round(counts.assa, 3), round(counts.hota, 3)
        (0.5, 0.4, 0.447)

    Source: J. Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 2021, as
    TrackEval computes it.
    """
    if not cutoff > 0:
        raise ConfigError(f"cutoff is {cutoff}; it must be positive")
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    numbers = owners(rows, columns, identity, reference_identity, prediction_identity)
    distance = distance.detach().double()
    within = within_sequences(distance < cutoff, distance, rows, columns)
    met = encounters(within, rows, columns, numbers)
    near = (1 - distance[within] / cutoff).clamp(max=1).cpu().numpy()
    pairs = _matched(met, near, rows.cpu(), columns.cpu())
    return _count(met, near, pairs, int(rows.sum()), int(columns.sum()))


def _matched(met: Encounters, near: Numbers, rows: Tensor, columns: Tensor) -> NDArray[np.bool_]:
    """Return which cells are matched, [cells], of their similarities, [cells]."""
    sequence, frame, row, column = met.cells
    problem = sequence * rows.shape[1] + frame  # ascending
    score = _score(met, near, (*rows.shape, columns.shape[-1]))
    matched = np.zeros(len(near), dtype=np.bool_)
    masks = rows.flatten(0, 1), columns.flatten(0, 1)
    for start in range(0, len(masks[0]), CHUNK):
        exist = [mask[start : start + CHUNK] for mask in masks]
        part = slice(*np.searchsorted(problem, (start, start + CHUNK)))
        cells = problem[part] - start, row[part], column[part]
        cost = np.zeros((*exist[0].shape, exist[1].shape[1]))
        cost[cells] = -score[part]
        matched[part] = assign(torch.from_numpy(cost), *exist).numpy()[cells]
    return matched


def _score(met: Encounters, near: Numbers, shape: tuple[int, ...]) -> Numbers:
    """Return what matching a cell is worth, [cells]: how well its pair goes together, times its similarity."""
    share = _share_of_frame(near, *(met.slots(axis, shape) for axis in (2, 3)))
    together = np.bincount(met.pair, share, minlength=len(met.reference))
    score: Numbers = (together / met.frames_of_either(together))[met.pair] * near
    return score


def _share_of_frame(near: Numbers, row: Integers, column: Integers) -> Numbers:
    """Return the similarity of cells as a share of all similarity of their source or track in the frame, [cells]."""
    either = np.bincount(row, near)[row] + np.bincount(column, near)[column] - near
    share: Numbers = np.divide(near, either, out=np.zeros_like(near), where=either > EPSILON)
    return share


def _count(met: Encounters, near: Numbers, pairs: NDArray[np.bool_], references: int, predictions: int) -> HotaCounts:
    near, who = near[pairs], met.pair[pairs]
    reached = near >= np.asarray(HOTA_THRESHOLDS)[:, np.newaxis] - EPSILON  # [thresholds, matches]
    frames = np.stack([np.bincount(who, level, minlength=len(met.reference)) for level in reached])  # TPA of pairs
    squares = frames**2
    return HotaCounts(
        references=references,
        predictions=predictions,
        matches=tuple(reached.sum(1).tolist()),
        similarity=tuple((reached @ near).tolist()),
        association=tuple((squares / met.frames_of_either(frames)).sum(1).tolist()),
        association_recall=tuple((squares / met.reference_frames[met.reference]).sum(1).tolist()),
        association_precision=tuple((squares / met.prediction_frames[met.prediction]).sum(1).tolist()),
    )
