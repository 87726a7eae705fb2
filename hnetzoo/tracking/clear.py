"""CLEAR metrics, and localization metrics frame by frame.

Conventions as in `hnetzoo.tracking.sequences`. A gate is inclusive and applies before matching.

| in the literature | here |
| --- | --- |
| LE [degrees] | `localization(...).mean_distance`, of great-circle distances in degrees |
| LR, LP, LF | `.recall`, `.precision`, `.f1` of `localization(...)` |
| MOTA, MOTP, IDSW | `.mota`, `.mean_distance`, `.switches` of `clear_mot(...)` |
| IDF1, IDP, IDR | `.idf1`, `.idp`, `.idr` of `identity_counts(...)` |
| HOTA, DetA, AssA, LocA | `.hota`, `.deta`, `.assa`, `.loca` of `hota(...)` |
"""

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.tracking.counts import TrackingCounts
from hnetzoo.tracking.owners import Owners, look_up, owners
from hnetzoo.tracking.sequences import full_sequence_masks, within_sequences


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
    """Return the counts of frames matched independently: as many pairs as possible, at the least total distance.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        gate: Largest distance of a pair [unit of distance]; None means no gate.
        identity: Integer [b, t, n], the number of the source in the slot, if several sources use a slot in turn; it is
            compared within a slot only. None means one source per slot.
        reference_identity: Integer [b, t, n], the number of the source in the slot, from 0 and unique in the sequence,
            if sources may change slots; None means that a source stays in its slot.
        prediction_identity: Integer [b, t, m], the number of the track in the slot, likewise. With both, only as many
            slots are needed as there are sources or tracks in one frame.

    Returns:
        The counts; a switch is a match with a track other than that of the reference's last match, however long ago.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a distance inside the masks is NaN, or an identity is below 0 or occurs twice in a frame.

    Example:
        >>> counts = localization(torch.tensor([[[[10.0, 90.0]], [[80.0, 20.0]]]]))  # one source, two predictions
        >>> counts.mean_distance, counts.recall, counts.precision, counts.switches
        (15.0, 1.0, 0.5, 1)

    Source: S. Adavanne, A. Politis, T. Virtanen, WASPAA 2021 (LE, LR, LP, LF).
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    numbers = owners(rows, columns, identity, reference_identity, prediction_identity)
    problems = (tensor.flatten(0, 1) for tensor in (distance, rows, columns))
    pairs = assign(*problems, gate=gate).view(distance.shape)
    return _count(pairs, distance, rows, columns, numbers)


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
    """Return the counts of frames matched as in CLEAR: a pair of the frame before is kept if within the gate.

    Arguments, errors and result as in `localization`. Only pairs of the frame before are kept, as in TrackEval;
    py-motmetrics also keeps older ones.

    Example:
        >>> distance = torch.tensor([[[[0.1, 0.9], [0.9, 0.1]], [[0.6, 0.2], [0.2, 0.6]]]])  # tracks that cross
        >>> clear_mot(distance, gate=0.7).mota, localization(distance, gate=0.7).mota
        (1.0, 0.5)

    Source: K. Bernardin, R. Stiefelhagen, "Evaluating multiple object tracking performance", EURASIP JIVP 2008.
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    numbers = owners(rows, columns, identity, reference_identity, prediction_identity)
    return _count(_clear_pairs(distance, rows, columns, gate, numbers), distance, rows, columns, numbers)


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
    numbers = owners(rows, columns, identity, reference_identity, prediction_identity)
    return _clear_pairs(distance, rows, columns, gate, numbers)


def _clear_pairs(distance: Tensor, rows: Tensor, columns: Tensor, gate: float | None, numbers: Owners) -> Tensor:
    """Return the pairs, bool [b, t, n, m]: those of the frame before are kept, and the rest is assigned."""
    near = within_sequences(distance < torch.inf if gate is None else distance <= gate, distance, rows, columns)
    before, after = numbers.moves()
    slots = torch.arange(distance.shape[-1], device=distance.device)
    partner = slots.new_full(rows.shape, -1)  # column of the pair of each row
    for frame in range(distance.shape[1]):
        column = partner[:, frame]
        if frame:
            kept = look_up(after[:, frame - 1], look_up(partner[:, frame - 1], before[:, frame - 1]))
            column[:] = kept.where(look_up(near[:, frame], kept.unsqueeze(2)).squeeze(2) > 0, -1)
        taken = (column.unsqueeze(2) == slots).any(1)
        free = rows[:, frame] & (column < 0), columns[:, frame] & ~taken
        if free[0].any() and free[1].any():
            sequence, row, other = assign(distance[:, frame], *free, gate=gate).nonzero(as_tuple=True)
            column[sequence, row] = other
    return partner.unsqueeze(3) == slots


def _count(pairs: Tensor, distance: Tensor, rows: Tensor, columns: Tensor, numbers: Owners) -> TrackingCounts:
    return TrackingCounts(
        references=int(rows.sum()),
        predictions=int(columns.sum()),
        matches=int(pairs.count_nonzero()),
        switches=numbers.count_switches(pairs),
        total_distance=float(distance.detach()[pairs].double().sum()),
    )
