"""OSPA and GOSPA: distances between the sets of references and predictions of a frame.

Conventions as in `hnetzoo.tracking.sequences`.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.errors import ConfigError
from hnetzoo.tracking.sequences import full_sequence_masks


class Gospa(NamedTuple):
    """GOSPA of every frame, float [b, t]: total^order = localization + missed + false [unit of distance ^ order].

    Example:
        >>> gospa(torch.tensor([[[[0.5], [3.0]]]]), cutoff=2.0).missed.tolist()
        [[1.0]]
    """

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
    """Return the generalised optimal sub-pattern assignment distance (alpha 2) of every frame, with its parts.

    A pair nearer than the cutoff may be matched and costs distance^order; every other reference and prediction costs
    cutoff^order / 2.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        cutoff: Distance at which a pair costs as much as a miss and a false alarm [unit of distance].
        order: Exponent, at least 1.

    Returns:
        Total and parts, each [b, t], in the type of the distances.

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
    missed, false = (
        (mask.sum(-1) - matched.sum((-2, -1))).to(cost.dtype) * (cutoff**order / 2) for mask in (rows, columns)
    )
    return Gospa((place + missed + false) ** (1 / order), place, missed, false)


def ospa(
    distance: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    cutoff: float,
    order: float = 1.0,
) -> Tensor:
    """Return the optimal sub-pattern assignment distance of every frame, float [b, t] in [0, cutoff].

    Arguments and errors as in `gospa`; 0 if there are neither references nor predictions.

    Example:
        >>> ospa(torch.tensor([[[[0.5, 3.0], [3.0, 4.0]]]]), cutoff=2.0).item()
        1.25

    Source: D. Schuhmacher, B.-T. Vo, B.-N. Vo, IEEE Transactions on Signal Processing, 2008.
    """
    cost, matched, rows, columns = _cut_off(distance, reference_mask, prediction_mask, cutoff, order)
    largest = torch.maximum(rows.sum(-1), columns.sum(-1))
    unmatched = (largest - matched.sum((-2, -1))).to(cost.dtype)
    total = cost.masked_fill(~matched, 0.0).sum((-2, -1)) + unmatched * cutoff**order
    mean: Tensor = total / largest.clamp(min=1)
    return mean.pow(1 / order)


def _cut_off(
    distance: Tensor, reference_mask: Tensor | None, prediction_mask: Tensor | None, cutoff: float, order: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return min(distance, cutoff)^order [b, t, n, m], the pairs of least total cost, and the full masks."""
    if not (cutoff > 0 and order >= 1):
        raise ConfigError(f"cutoff is {cutoff} and order {order}; the cutoff must be positive, the order at least 1")
    rows, columns = full_sequence_masks(distance, reference_mask, prediction_mask)
    cost = distance.clamp(max=cutoff) ** order
    pairs = assign(cost.flatten(0, 1), rows.flatten(0, 1), columns.flatten(0, 1)).view(cost.shape)
    return cost, pairs, rows, columns
