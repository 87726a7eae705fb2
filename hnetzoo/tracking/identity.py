"""Identity metrics: how much of the sequences one fixed assignment of tracks to sources explains.

Conventions as in `hnetzoo.tracking.sequences`. A gate is inclusive.
"""

import numpy as np
import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.tracking.counts import IdentityCounts
from hnetzoo.tracking.encounters import Encounters, Integers, encounters
from hnetzoo.tracking.owners import owners
from hnetzoo.tracking.sequences import full_sequence_masks, within_sequences


def identity_counts(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
    reference_identity: Tensor | None = None,
    prediction_identity: Tensor | None = None,
) -> IdentityCounts:
    """Return the counts of the one-to-one assignment of whole tracks to sources that explains the most frames.

    Arguments and errors as in `hnetzoo.tracking_metrics.localization`. A source and a track agree in a frame in which
    both exist within the gate.

    Example:
        >>> distance = torch.tensor([[[[0.1, 0.9]], [[0.1, 0.9]], [[0.9, 0.1]]]])  # one source, followed by two tracks
        >>> counts = identity_counts(distance, gate=0.5)
        >>> counts.matches, round(counts.idf1, 3), round(counts.idp, 3), round(counts.idr, 3)
        (2, 0.444, 0.333, 0.667)

    Source: E. Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", ECCV
    Workshops 2016, section 4. TrackEval and py-motmetrics compute the same.
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    numbers = owners(rows, columns, identity, reference_identity, prediction_identity)
    near = within_sequences(distance <= (torch.inf if gate is None else gate), distance, rows, columns)
    met = encounters(near, rows, columns, numbers)
    return IdentityCounts(
        references=int(rows.sum()), predictions=int(columns.sum()), matches=_most_explained(met, len(distance))
    )


def _most_explained(met: Encounters, sequences: int) -> int:
    """Return the most frames in which a one-to-one assignment of tracks to sources agrees."""
    row, rows = _within_sequence(met.reference_sequence)
    column, columns = _within_sequence(met.prediction_sequence)
    frames = torch.zeros(sequences, rows, columns, dtype=torch.float64)
    place = met.reference_sequence[met.reference], row[met.reference], column[met.prediction]
    frames[tuple(map(torch.from_numpy, place))] = torch.from_numpy(np.bincount(met.pair)).double()
    return int((frames * assign(-frames)).sum())


def _within_sequence(sequence: Integers) -> tuple[Integers, int]:
    """Return the places of identities within their sequences, and the most identities of a sequence."""
    first = np.searchsorted(sequence, sequence)
    place = np.arange(len(sequence)) - first
    return place, int(place.max(initial=-1)) + 1
