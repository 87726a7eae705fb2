"""Features of directions: where a source is, and how fast its track turns.

Conventions: directions are unit vectors, float64 [..., 3]; angles are in radians.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DIRECTION_FEATURES = ("x", "y", "z", "vx", "vy", "vz", "age")
"""Features of a direction: its unit vector; the angular velocity of its track, a tangent vector [radians per frame];
and the frames over which that was measured, 0 if it is not known. Predictions have no velocity."""


def angular_velocity(earlier: Floats, now: Floats, frames: Floats) -> Floats:
    """Return the angular velocities that take directions along great circles, tangent vectors [..., 3].

    Args:
        earlier: Directions, [..., 3].
        now: Directions some frames later, [..., 3].
        frames: How many, [...]; where it is 0 the velocity is 0.

    Returns:
        [radians per frame]; 0 between opposite directions, whose great circle is not determined.

    Example:
        >>> velocity = angular_velocity(np.array([1.0, 0, 0]), np.array([0.0, 1, 0]), np.array(2.0))
        >>> (velocity / np.pi).round(3).tolist()
        [-0.25, 0.0, 0.0]
    """
    cosine = (earlier * now).sum(-1, keepdims=True)
    away = cosine * now - earlier
    sine = np.linalg.norm(away, axis=-1, keepdims=True)
    angle = np.arctan2(sine, cosine)
    known = (sine > 0) & (frames > 0)[..., None]
    per_frame: Floats = np.divide(angle * away, sine * frames[..., None], out=np.zeros_like(away), where=known)
    return per_frame


def direction_features(direction: Floats, velocity: Floats | None = None, age: Floats | None = None) -> Floats:
    """Return the features of directions, [..., 7], in the order of DIRECTION_FEATURES.

    Args:
        direction: Unit vectors, [..., 3].
        velocity: Of their tracks [radians per frame], [..., 3]; None means not known.
        age: Frames over which it was measured, [...]; None means 0.

    Example:
        >>> direction_features(np.array([0.0, 0.0, 1.0])).tolist()
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """
    moved = np.zeros_like(direction) if velocity is None else velocity
    known = np.zeros(direction.shape[:-1]) if age is None else age
    return np.concatenate((direction, moved, known[..., None]), -1)
