"""Distances between points, with gradients that stay finite everywhere.

Conventions: `reference` is float [..., n, k], `prediction` float [..., m, k] with the same leading axes, the result
float [..., n, m]. Where a distance is not differentiable (coincident points, opposite directions) its gradient is 0.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from hnetzoo.errors import ShapeError

Metric = Callable[[Tensor, Tensor], Tensor]
"""Maps references [..., n, k] and predictions [..., m, k] to distances [..., n, m], at least 0."""


def chordal_distance(reference: Tensor, prediction: Tensor) -> Tensor:
    """Return straight-line distances; the shipped matchers were trained on those between directions.

    Args:
        reference: Points, float [..., n, k]; unit vectors [..., n, 3] for directions.
        prediction: Points, float [..., m, k].

    Returns:
        Float [..., n, m] [unit of the points]; between unit vectors 0 to 2, not an angle.

    Raises:
        ShapeError: If the leading axes or the numbers of coordinates differ.

    Example:
        >>> chordal_distance(torch.eye(3)[:1], torch.stack((torch.eye(3)[0], -torch.eye(3)[0]))).tolist()
        [[0.0, 2.0]]
    """
    distance: Tensor = torch.linalg.vector_norm(_differences(reference, prediction), dim=-1)
    return distance


def squared_euclidean_distance(reference: Tensor, prediction: Tensor) -> Tensor:
    """Return squared straight-line distances, the sum of squared errors of a pair.

    Args:
        reference: Points, float [..., n, k].
        prediction: Points, float [..., m, k].

    Returns:
        Float [..., n, m] [unit of the points, squared].

    Raises:
        ShapeError: If the leading axes or the numbers of coordinates differ.

    Example:
        >>> squared_euclidean_distance(torch.zeros(1, 3), torch.tensor([[1.0, 2.0, 2.0]])).item()
        9.0
    """
    squares = _differences(reference, prediction).square()
    return squares @ squares.new_ones(squares.shape[-1])  # faster than a sum over an axis of a few coordinates


def great_circle_distance(reference: Tensor, prediction: Tensor) -> Tensor:
    """Return angles between directions; lengths do not matter.

    2 atan2(norm(u - v), norm(u + v)) of the unit vectors u and v is accurate for all angles, whereas the arccosine of
    their scalar product loses half of the digits near 0 and pi and has no finite gradient there.

    Args:
        reference: Directions, float [..., n, k], not 0.
        prediction: Directions, float [..., m, k].

    Returns:
        Float [..., n, m] in [0, pi] [radians]; pi/2 between a direction and the zero vector.

    Raises:
        ShapeError: If the leading axes or the numbers of coordinates differ.

    Example:
        >>> great_circle_distance(torch.eye(3)[:1], torch.tensor([[0.0, 5.0, 0.0]])).rad2deg().item()
        90.0

    Source: W. Kahan, "How futile are mindless assessments of roundoff in floating-point computation?" (2006).
    """
    reference, prediction = (torch.nn.functional.normalize(points, dim=-1) for points in (reference, prediction))
    apart = chordal_distance(reference, prediction)
    together = chordal_distance(-reference, prediction)
    undefined = (apart == 0) & (together == 0)  # atan2(0, 0) has the gradient 0 / 0
    return 2 * torch.atan2(apart, together.masked_fill(undefined, 1.0))


def polar_distance(reference: Tensor, prediction: Tensor, *, weight: float = 1.0) -> Tensor:
    """Return the angle plus a weight times the relative error of the source distance, between positions.

    The source distance of a position is its length, that is, how far it is from the origin. With references r and
    predictions p: `angle(r, p) + weight * abs(norm(p) - norm(r)) / norm(r)`.

    Args:
        reference: Positions, float [..., n, k] [any unit], not 0.
        prediction: Positions, float [..., m, k] [the same unit].
        weight: Radians that a relative error of 1 costs; for another one pass `functools.partial(polar_distance,
            weight=0.5)` as the metric of a loss.

    Returns:
        Float [..., n, m], at least 0 [radians]. For a reference at the origin, the error is not divided.

    Raises:
        ShapeError: If the leading axes or the numbers of coordinates differ.

    Example:
        >>> source, estimate = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[3.0, 0.0, 0.0]])
        >>> polar_distance(source, estimate, weight=0.5).item()
        0.25

    Source: relative distance error as in D. A. Krause, A. Politis, A. Mesaros, "Sound event detection and localization
    with distance estimation", EUSIPCO 2024.
    """
    angle = great_circle_distance(reference, prediction)
    true, estimated = (torch.linalg.vector_norm(points, dim=-1) for points in (reference, prediction))
    error = (estimated.unsqueeze(-2) - true.unsqueeze(-1)).abs()
    relative: Tensor = error / true.masked_fill(true == 0, 1.0).unsqueeze(-1)
    return angle + weight * relative


def masked_distance(
    metric: Metric,
    reference: Tensor,
    prediction: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
) -> Tensor:
    """Return distances without reading points outside the masks; these may be NaN and get the gradient 0.

    Args:
        metric: The distance.
        reference: Points, float [..., n, k].
        prediction: Points, float [..., m, k].
        reference_mask: Bool [..., n]; None means all True.
        prediction_mask: Bool [..., m]; None means all True.

    Returns:
        Float [..., n, m]; points outside the masks are replaced by the origin.

    Raises:
        ShapeError: If a mask does not fit its points, or the metric does not accept the points.

    Example:
        >>> points, mask = torch.tensor([[3.0, 4.0], [torch.nan, 0.0]]), torch.tensor([True, False])
        >>> masked_distance(chordal_distance, points, torch.zeros(1, 2), mask).tolist()
        [[5.0], [0.0]]
    """
    reference = _without("reference", reference, reference_mask)
    return metric(reference, _without("prediction", prediction, prediction_mask))


def _differences(reference: Tensor, prediction: Tensor) -> Tensor:
    """Return the differences of all pairs, [..., n, m, k], of points [..., n, k] and [..., m, k]."""
    first, second = reference.shape, prediction.shape
    if min(len(first), len(second)) < 2 or first[:-2] != second[:-2] or first[-1] != second[-1]:
        raise ShapeError(
            f"references {list(first)} and predictions {list(second)} do not fit; they need the shapes [..., n, k] and "
            "[..., m, k] with the same leading axes"
        )
    return reference.unsqueeze(-2) - prediction.unsqueeze(-3)


def _without(name: str, points: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return points
    if mask.shape != points.shape[:-1] or mask.dtype != torch.bool:
        found = f"{mask.dtype} {list(mask.shape)}".removeprefix("torch.")
        raise ShapeError(f"{name}_mask is {found}; points {list(points.shape)} need bool {list(points.shape[:-1])}")
    return points.masked_fill(~mask.unsqueeze(-1), 0.0)
