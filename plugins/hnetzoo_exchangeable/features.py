"""Features of pairs: distances as they are, compared with others of their row, column and problem, and in its scale.

Features in the unit of the distances tell what a distance means where the unit is known; features in the scale of the
problem tell the same whatever the unit.
"""

import torch
from torch import Tensor

import hnetzoo

FEATURES = 13
LEAST_DISTANCE = 1e-4
"""Smaller distances count as this one in logarithms [unit of distance]."""
LOG_SPREAD = 3.0
"""Logarithms of distances are divided by this, so that they are of the size of the other features."""
FAR = 1e20
FARTHEST = 1e15
"""Larger distances count as this one, so that all that is computed from them is finite."""


def finite_distances(distance: Tensor) -> Tensor:
    """Return distances in float32 at least, none above `FARTHEST` in size.

    Example:
        >>> finite_distances(torch.tensor([0.5, 1e30])).tolist()
        [0.5, 999999986991104.0]
    """
    return distance.to(torch.promote_types(distance.dtype, torch.float32)).clamp(-FARTHEST, FARTHEST)


def pair_features(distance: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Return the features of pairs, [b, n, m, 13], and the scale of the problems, [b, 1, 1].

    They are the distance, and how far it is above the least of its row and of its column; the distance over the
    geometric mean of all, and the two differences and the distance over the scale; logarithms of the distance over the
    mean of the nearest and of all, of these over each other, and of the scale; and the logarithms of n and m. The
    inverse hyperbolic sine keeps small numbers as they are and compresses large ones.

    Args:
        distance: Finite float [b, n, m].
        allowed: Bool [b, n, m].

    Example:
        >>> distance = torch.tensor([[[1.0, 3.0], [3.0, 2.0]]])
        >>> features, scale = pair_features(distance, torch.ones(1, 2, 2, dtype=torch.bool))
        >>> features.shape, scale.shape
        (torch.Size([1, 2, 2, 13]), torch.Size([1, 1, 1]))
    """
    least = [_least(distance, allowed, axis) for axis in (2, 1)]
    above = [distance - nearest for nearest in least]
    scale = _scale(distance, allowed, least[1])
    log = distance.clamp(min=LEAST_DISTANCE).log()
    typical = _mean(log, allowed)
    near = _mean_of_nearest(least, allowed)
    counts = [allowed.any(axis).sum(1).clamp(min=1).log().view(-1, 1, 1) for axis in (2, 1)]
    linear = (distance, *above, distance / typical.exp(), *(extra / scale for extra in above), distance / scale)
    logs = ((log - near), (log - typical), (near - typical), scale.log())
    columns = (*(value.asinh() for value in linear), *(value / LOG_SPREAD for value in logs), *counts)
    features = torch.stack([column.to(distance.dtype).expand_as(distance) for column in columns], -1)
    return features.masked_fill(~allowed.unsqueeze(-1), 0.0), scale


def _least(distance: Tensor, allowed: Tensor, axis: int) -> Tensor:
    """Return the least allowed distance along an axis, which is kept; 0 where there is none."""
    return distance.masked_fill(~allowed, FAR).amin(axis, keepdim=True).where(allowed.any(axis, keepdim=True), 0.0)


def _mean(values: Tensor, allowed: Tensor) -> Tensor:
    """Return the mean over allowed pairs, [b, 1, 1]; 0 for none."""
    return (values * allowed).sum((1, 2), keepdim=True) / allowed.sum((1, 2), keepdim=True).clamp(min=1)


def _mean_of_nearest(least: list[Tensor], allowed: Tensor) -> Tensor:
    """Return the mean log of the least distances of all rows and columns that have one, [b, 1, 1]."""
    logs = torch.cat([nearest.flatten(1) for nearest in least], 1).clamp(min=LEAST_DISTANCE).log()
    present = torch.cat((allowed.any(2), allowed.any(1)), 1)
    return ((logs * present).sum(1) / present.sum(1).clamp(min=1)).view(-1, 1, 1)


def _scale(distance: Tensor, allowed: Tensor, least_of_columns: Tensor) -> Tensor:
    """Return `hnetzoo.problem_scale` of the costs reduced by columns and rows; the largest distance where all are 0."""
    reduced = distance - least_of_columns
    reduced = (reduced - _least(reduced, allowed, 2)).masked_fill(~allowed, 0.0)
    largest = distance.masked_fill(~allowed, 0.0).amax((1, 2), keepdim=True).clamp(min=LEAST_DISTANCE)
    level = (reduced <= 0).all(2, keepdim=True).all(1, keepdim=True)
    return torch.where(level, largest, hnetzoo.problem_scale(reduced, allowed))
