"""Directions on the sphere and distances between points.

Conventions: names end in the unit of an angle, _deg or _rad; azimuth is measured from the x axis towards y, elevation
from the xy plane; points are Cartesian, float [..., 3], and directions are unit vectors.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HALF_TURN_DEG = 180
PIECE = 8192  # problems whose distances are computed at once: few enough to stay in the cache


def grid_directions(azimuth_deg: Ints, elevation_deg: Ints) -> Floats:
    """Return the unit vectors [..., 3] of angles of whole degrees, looked up in a table.

    Args:
        azimuth_deg: Azimuths in [-180, 180], each [...].
        elevation_deg: Elevations in [-90, 90].

    Example:
        >>> grid_directions(np.array([90]), np.array([0])).round(6).tolist()
        [[0.0, 1.0, 0.0]]
    """
    degrees = np.deg2rad(np.arange(-HALF_TURN_DEG, HALF_TURN_DEG + 1))
    cosine, sine = np.cos(degrees), np.sin(degrees)
    azimuth, elevation = azimuth_deg + HALF_TURN_DEG, elevation_deg + HALF_TURN_DEG
    points = np.empty((*azimuth.shape, 3))
    horizontal = cosine[elevation]
    points[..., 0] = horizontal * cosine[azimuth]
    points[..., 1] = horizontal * sine[azimuth]
    points[..., 2] = sine[elevation]
    return points


def uniform_directions(rng: np.random.Generator, *shape: int) -> Floats:
    """Return random directions, uniform on the sphere, [*shape, 3].

    Example:
        >>> uniform_directions(np.random.default_rng(0), 4, 2).shape
        (4, 2, 3)
    """
    points = rng.standard_normal((*shape, 3))
    lengths: Floats = np.linalg.norm(points, axis=-1, keepdims=True)
    return points / lengths


def perturb(rng: np.random.Generator, directions: Floats, noise_deg: Floats) -> Floats:
    """Return directions with angular noise: a Gaussian step in the tangent plane, taken along the great circle.

    Args:
        rng: Source of randomness.
        directions: Unit vectors, [..., 3].
        noise_deg: Standard deviation per tangent axis [degrees], broadcast against [...].

    Returns:
        Unit vectors, [..., 3].
    """
    step: Floats = rng.standard_normal(directions.shape) * np.deg2rad(noise_deg)[..., None]
    tangent = step - (step * directions).sum(-1, keepdims=True) * directions
    angle: Floats = np.linalg.norm(tangent, axis=-1, keepdims=True)
    turned: Floats = np.cos(angle) * directions + np.sinc(angle / np.pi) * tangent
    return turned


def turn(rng: np.random.Generator, directions: Floats, angle_rad: Floats) -> Floats:
    """Return directions turned along great circles whose headings are uniform.

    Args:
        rng: Source of randomness.
        directions: Unit vectors, [..., 3].
        angle_rad: Angles to turn by [radians], of any sign and size, broadcast against [...].

    Returns:
        Unit vectors, [..., 3].

    Example:
        >>> start = grid_directions(np.zeros(3, int), np.zeros(3, int))
        >>> turned = turn(np.random.default_rng(0), start, np.deg2rad([0.0, 60.0, 180.0]))
        >>> chordal_distance(start[:1], turned).round(6).tolist()
        [[0.0, 1.0, 2.0]]
    """
    return along(directions, uniform_headings(rng, directions), angle_rad)


def uniform_headings(rng: np.random.Generator, directions: Floats) -> Floats:
    """Return random unit tangent vectors of directions, uniform, both [..., 3]."""
    step = rng.standard_normal(directions.shape)
    tangent = step - (step * directions).sum(-1, keepdims=True) * directions
    heading: Floats = tangent / np.linalg.norm(tangent, axis=-1, keepdims=True)
    return heading


def along(directions: Floats, heading: Floats, angle_rad: Floats) -> Floats:
    """Return directions [..., 3] turned along the great circles of headings [..., 3] by angles [radians]."""
    angle = angle_rad[..., None]
    turned: Floats = np.cos(angle) * directions + np.sin(angle) * heading
    return turned


def chordal_distance(reference: Floats, predicted: Floats) -> Floats:
    """Return straight-line distances between two sets of points.

    Args:
        reference: Points, [..., n, 3].
        predicted: Points, [..., m, 3].

    Returns:
        [..., n, m], at least 0; at most 2 between unit vectors. Not an angle: 90 degrees are 1.414.

    Example:
        >>> chordal_distance(np.eye(3)[:1], np.eye(3)).round(3).tolist()
        [[0.0, 1.414, 1.414]]

    Source: Adavanne et al., WASPAA 2021 (the distance fed to Hnet).
    """
    *leading, n, _ = reference.shape
    b, m = math.prod(leading), predicted.shape[-2]
    first, second = reference.reshape(b, n, 3), predicted.reshape(b, m, 3)
    distance = np.empty((b, n, m))
    for start in range(0, b, PIECE):
        piece = slice(start, start + PIECE)
        distance[piece] = _chords(first[piece], second[piece])
    return distance.reshape(*leading, n, m)


def _chords(reference: Floats, predicted: Floats) -> Floats:
    """Return the distances [b, n, m] of points [b, n, 3] and [b, m, 3].

    Slots and coordinates come first, so that the inner loops run over problems and not over a few numbers.
    """
    first, second = (np.ascontiguousarray(points.transpose(2, 1, 0)) for points in (reference, predicted))
    squared = np.square(first[0, :, None] - second[0, None])
    for axis in (1, 2):
        difference = first[axis, :, None] - second[axis, None]
        squared += np.square(difference, out=difference)
    distance: Floats = np.sqrt(squared, out=squared).transpose(2, 0, 1)
    return distance
