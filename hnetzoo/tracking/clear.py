"""CLEAR metrics, and localization frame by frame.

Conventions as in `hnetzoo.tracking.sequences`. A gate is inclusive and comes before matching.

| in the literature | here |
| --- | --- |
| LE [degrees] | `localization(...).mean_distance`, of great-circle distances in degrees |
| LR, LP, LF | `.recall`, `.precision`, `.f1` of `localization(...)` |
| MOTA, MOTP, IDSW | `.mota`, `.mean_distance`, `.switches` of `clear_mot(...)` |
"""

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import valid_cells
from hnetzoo.tracking.counts import TrackingCounts
from hnetzoo.tracking.owners import Owners, owners
from hnetzoo.tracking.sequences import full_sequence_masks


def localization(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
    reference_identity: Tensor | None = None,
    prediction_identity: Tensor | None = None,
) -> TrackingCounts:
    """Return what happened where every frame is matched on its own, at the least total distance among the most pairs.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        gate: Pairs that are farther are forbidden before matching [unit of distance]; None means no gate.
        identity: Integer [b, t, n], which of the sources of a slot holds it, numbered slot by slot, where sources
            follow one another in slots of their own; None means one source per slot.
        reference_identity: Integer [b, t, n], which source holds the slot, numbered from 0 over the whole sequence,
            where any source may stand in any slot; None means that a source stays in its slot.
        prediction_identity: Integer [b, t, m], which track holds the slot, likewise. With both, a frame needs as many
            slots as the most that are there at a time, however many come and go.

    Returns:
        The counts; a switch is a match with another track than in the reference's last match, however long ago.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a distance inside the masks is NaN, or somebody is twice in a frame.

    Example:
        >>> counts = localization(torch.tensor([[[[10.0, 90.0]], [[80.0, 20.0]]]]))  # one source, two predictions
        >>> counts.mean_distance, counts.recall, counts.precision, counts.switches
        (15.0, 1.0, 0.5, 1)

    Source: S. Adavanne, A. Politis, T. Virtanen, WASPAA 2021 (LE, LR, LP, LF).
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    who = owners(rows, columns, identity, reference_identity, prediction_identity)
    problems = (tensor.flatten(0, 1) for tensor in (distance, rows, columns))
    pairs = assign(*problems, gate=gate).view(distance.shape)
    return _count(pairs, distance, rows, columns, who)


def clear_mot(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
    reference_identity: Tensor | None = None,
    prediction_identity: Tensor | None = None,
) -> TrackingCounts:
    """Return what happened where frames are matched as CLEAR does: a pair of the last frame stays within the gate.

    Arguments, errors and result as in `localization`. Only pairs of the frame before are kept, as in TrackEval;
    py-motmetrics goes back to any earlier one.

    Example:
        >>> distance = torch.tensor([[[[0.1, 0.9], [0.9, 0.1]], [[0.6, 0.2], [0.2, 0.6]]]])  # tracks that cross
        >>> clear_mot(distance, gate=0.7).mota, localization(distance, gate=0.7).mota
        (1.0, 0.5)

    Source: K. Bernardin, R. Stiefelhagen, "Evaluating multiple object tracking performance", EURASIP JIVP 2008.
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    who = owners(rows, columns, identity, reference_identity, prediction_identity)
    return _count(_clear_pairs(distance, rows, columns, gate, who), distance, rows, columns, who)


def clear_association(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
    reference_identity: Tensor | None = None,
    prediction_identity: Tensor | None = None,
) -> Tensor:
    """Return the pairs that `clear_mot` counts, bool [b, t, n, m]; arguments and errors as there.

    Example:
        >>> clear_association(torch.tensor([[[[0.1, 0.9]], [[0.6, 0.2]]]]), gate=0.7).int().tolist()
        [[[[1, 0]], [[1, 0]]]]
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    who = owners(rows, columns, identity, reference_identity, prediction_identity)
    return _clear_pairs(distance, rows, columns, gate, who)


def _clear_pairs(distance: Tensor, rows: Tensor, columns: Tensor, gate: float | None, who: Owners) -> Tensor:
    """Match frame by frame: keep what was matched in the frame before, and assign the rest."""
    pairs = torch.zeros_like(distance, dtype=torch.bool)
    near = valid_cells(rows, columns) & (distance < torch.inf if gate is None else distance <= gate)
    for frame in range(distance.shape[1]):
        kept = pairs[:, frame]
        if frame:
            kept = who.carry_over(pairs[:, frame - 1], frame) & near[:, frame]
        free = rows[:, frame] & ~kept.any(2), columns[:, frame] & ~kept.any(1)
        pairs[:, frame] = kept | assign(distance[:, frame], *free, gate=gate)
    return pairs


def _count(pairs: Tensor, distance: Tensor, rows: Tensor, columns: Tensor, who: Owners) -> TrackingCounts:
    return TrackingCounts(
        references=int(rows.sum()),
        predictions=int(columns.sum()),
        matches=int(pairs.sum()),
        switches=who.count_switches(pairs),
        total_distance=float(distance.detach().masked_fill(~pairs, 0.0).double().sum()),
    )
