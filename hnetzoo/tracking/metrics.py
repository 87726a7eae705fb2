"""The metrics of localization and tracking, from distances.

Conventions: float [b, t, n, m] for b sequences of t frames, n references and m predictions, in any unit; masks bool
[b, t, n] and [b, t, m]. A slot of the predictions is one track, a slot of the references one source, unless `identity`
says who holds it. A gate is inclusive and comes before matching. Counts are the state and are added; ratios
are taken once, from the sums.

| in the literature | here |
| --- | --- |
| LE [degrees] | `localization(...).mean_distance`, of great-circle distances in degrees |
| LR, LP, LF | `.recall`, `.precision`, `.f1` of `localization(...)` |
| MOTA, MOTP, IDSW | `.mota`, `.mean_distance`, `.switches` of `clear_mot(...)` |
| OSPA, GOSPA | `ospa`, `gospa`, per frame |
"""

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import valid_cells
from hnetzoo.errors import ConfigError
from hnetzoo.tracking.sequences import full_sequence_masks, previous_match

__all__ = ["Gospa", "TrackingCounts", "clear_association", "clear_mot", "gospa", "localization", "ospa"]


@dataclass(frozen=True, kw_only=True)
class TrackingCounts:
    """What happened in some sequences; adding two joins them.

    Example:
        >>> counts = TrackingCounts(references=4, predictions=3, matches=3, switches=1, total_distance=0.6)
        >>> (counts + counts).mota, counts.recall, round(counts.mean_distance, 3)
        (0.5, 0.75, 0.2)
    """

    references: int = 0
    predictions: int = 0
    matches: int = 0
    switches: int = 0
    total_distance: float = 0.0

    def __add__(self, other: "TrackingCounts") -> "TrackingCounts":
        return TrackingCounts(
            references=self.references + other.references,
            predictions=self.predictions + other.predictions,
            matches=self.matches + other.matches,
            switches=self.switches + other.switches,
            total_distance=self.total_distance + other.total_distance,
        )

    @property
    def misses(self) -> int:
        """References without a prediction."""
        return self.references - self.matches

    @property
    def false_positives(self) -> int:
        """Predictions without a reference."""
        return self.predictions - self.matches

    @property
    def mean_distance(self) -> float:
        """Mean distance of matched pairs [unit of the distance]; NaN where nothing is matched."""
        return self.total_distance / self.matches if self.matches else nan

    @property
    def recall(self) -> float:
        """Matches / references; 1.0 where there is neither a reference nor a prediction."""
        return self._share(self.references)

    @property
    def precision(self) -> float:
        """Matches / predictions; 1.0 where there is neither a reference nor a prediction."""
        return self._share(self.predictions)

    @property
    def f1(self) -> float:
        """2 matches / (references + predictions); 1.0 where there are none."""
        slots = self.references + self.predictions
        return 2 * self.matches / slots if slots else 1.0

    @property
    def mota(self) -> float:
        """1 - (misses + false positives + switches) / references, of which there is taken to be at least one."""
        return 1 - (self.misses + self.false_positives + self.switches) / max(1, self.references)

    def _share(self, whole: int) -> float:
        return self.matches / whole if whole else float(self.references == self.predictions)


def localization(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
) -> TrackingCounts:
    """Match every frame on its own, at the least total distance among the most pairs.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        gate: Pairs that are farther are forbidden before matching [unit of distance]; None means no gate.
        identity: Integer [b, t, n], which source holds the slot; None means one per slot.

    Returns:
        The counts.

    Raises:
        ShapeError: If the shapes do not fit.
        DataError: If a distance inside the masks is NaN.

    Example:
        >>> counts = localization(torch.tensor([[[[10.0, 90.0]], [[80.0, 20.0]]]]))  # one source, two predictions
        >>> counts.mean_distance, counts.recall, counts.precision, counts.switches
        (15.0, 1.0, 0.5, 1)

    Source: S. Adavanne, A. Politis, T. Virtanen, WASPAA 2021 (LE, LR, LP, LF).
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    problems = (tensor.flatten(0, 1) for tensor in (distance, rows, columns))
    pairs = assign(*problems, gate=gate).view(distance.shape)
    return _count(pairs, distance, rows, columns, identity)


def clear_mot(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
) -> TrackingCounts:
    """Match as the CLEAR metrics do: a pair of the last frame stays while it is within the gate.

    Arguments, errors and result as in `localization`.

    Example:
        >>> distance = torch.tensor([[[[0.1, 0.9], [0.9, 0.1]], [[0.6, 0.2], [0.2, 0.6]]]])  # tracks that cross
        >>> clear_mot(distance, gate=0.7).mota, localization(distance, gate=0.7).mota
        (1.0, 0.5)

    Source: K. Bernardin, R. Stiefelhagen, "Evaluating multiple object tracking performance", EURASIP JIVP 2008.
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    pairs = clear_association(distance, rows, columns, gate=gate, identity=identity)
    return _count(pairs, distance, rows, columns, identity)


def clear_association(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    gate: float | None = None,
    identity: Tensor | None = None,
) -> Tensor:
    """Return the pairs that `clear_mot` counts, bool [b, t, n, m]; arguments and errors as there.

    Example:
        >>> clear_association(torch.tensor([[[[0.1, 0.9]], [[0.6, 0.2]]]]), gate=0.7).int().tolist()
        [[[[1, 0]], [[1, 0]]]]
    """
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    near = valid_cells(rows, columns) & (distance < torch.inf if gate is None else distance <= gate)
    frames = []
    kept = torch.zeros_like(near[:, 0]) if near.shape[1] else near
    for frame in range(near.shape[1]):
        kept = kept & near[:, frame]
        if identity is not None and frame:
            kept = kept & (identity[:, frame] == identity[:, frame - 1]).unsqueeze(-1)
        free = rows[:, frame] & ~kept.any(2), columns[:, frame] & ~kept.any(1)
        kept = kept | assign(distance[:, frame], *free, gate=gate)
        frames.append(kept)
    return torch.stack(frames, 1) if frames else near


def _count(pairs: Tensor, distance: Tensor, rows: Tensor, columns: Tensor, identity: Tensor | None) -> TrackingCounts:
    last = previous_match(pairs, identity)
    return TrackingCounts(
        references=int(rows.sum()),
        predictions=int(columns.sum()),
        matches=int(pairs.sum()),
        switches=int((pairs & ~last & last.any(-1, keepdim=True)).sum()),
        total_distance=float(distance.detach().masked_fill(~pairs, 0.0).double().sum()),
    )


class Gospa(NamedTuple):
    """GOSPA of every frame, float [b, t]: total^order = localization + missed + false [unit of distance ^ order]."""

    total: Tensor
    localization: Tensor
    missed: Tensor
    false: Tensor


def gospa(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    cutoff: float,
    order: float = 1.0,
) -> Gospa:
    """Measure the generalised optimal sub-pattern assignment distance (alpha 2) of every frame.

    A pair nearer than the cutoff may be matched and costs distance^order; every other reference and prediction costs
    cutoff^order / 2.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        cutoff: Where a pair is no better than a miss and a false alarm [unit of distance].
        order: Exponent, at least 1.

    Returns:
        Total and parts, each [b, t].

    Raises:
        ShapeError: If the shapes do not fit.
        ConfigError: If the cutoff is not positive or the order below 1.
        DataError: If a distance inside the masks is NaN.

    Example:
        >>> parts = gospa(torch.tensor([[[[0.5, 3.0], [3.0, 4.0]]]]), cutoff=2.0)
        >>> [part.item() for part in parts]
        [2.5, 0.5, 1.0, 1.0]

    Source: A. S. Rahmathullah, A. F. Garcia-Fernandez, L. Svensson, FUSION 2017.
    """
    cost, matched, rows, columns = _cut_off(distance, reference_mask, prediction_mask, cutoff, order)
    matched &= cost < cutoff**order
    place = cost.masked_fill(~matched, 0.0).sum((-2, -1))
    missed, false = ((mask.sum(-1) - matched.sum((-2, -1))) * (cutoff**order / 2) for mask in (rows, columns))
    return Gospa((place + missed + false) ** (1 / order), place, missed, false)


def ospa(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    cutoff: float,
    order: float = 1.0,
) -> Tensor:
    """Measure the optimal sub-pattern assignment distance of every frame, float [b, t] in [0, cutoff].

    Arguments and errors as in `gospa`; 0 where there is neither a reference nor a prediction.

    Example:
        >>> ospa(torch.tensor([[[[0.5, 3.0], [3.0, 4.0]]]]), cutoff=2.0).item()
        1.25

    Source: D. Schuhmacher, B.-T. Vo, B.-N. Vo, IEEE Transactions on Signal Processing, 2008.
    """
    cost, matched, rows, columns = _cut_off(distance, reference_mask, prediction_mask, cutoff, order)
    largest = torch.maximum(rows.sum(-1), columns.sum(-1))
    unmatched = largest - matched.sum((-2, -1))
    total = cost.masked_fill(~matched, 0.0).sum((-2, -1)) + unmatched * cutoff**order
    mean: Tensor = total / largest.clamp(min=1)
    return mean.pow(1 / order)


def _cut_off(
    distance: Tensor, reference_mask: Tensor | None, prediction_mask: Tensor | None, cutoff: float, order: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return min(distance, cutoff)^order [b, t, n, m], its best pairs, and the full masks."""
    if not (cutoff > 0 and order >= 1):
        raise ConfigError(f"cutoff is {cutoff} and order {order}; the cutoff must be positive, the order at least 1")
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    cost = distance.clamp(max=cutoff) ** order
    pairs = assign(cost.flatten(0, 1), rows.flatten(0, 1), columns.flatten(0, 1)).view(cost.shape)
    return cost, pairs, rows, columns
