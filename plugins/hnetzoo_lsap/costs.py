"""Random cost matrices, whole batches at once.

Every function of `DRAWS` takes a random generator, the number of problems and the settings, and returns float32
[b, max_size, max_size].
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnetzoo_lsap.config import Costs, LSAPConfig

Points = NDArray[np.float32]
Draw = Callable[[np.random.Generator, int, LSAPConfig], Tensor]


def uniform(rng: np.random.Generator, b: int, config: LSAPConfig) -> Tensor:
    """Return independent costs, uniform in [0, 1)."""
    return torch.from_numpy(rng.random((b, config.max_size, config.max_size), dtype=np.float32))


def gaussian(rng: np.random.Generator, b: int, config: LSAPConfig) -> Tensor:
    """Return independent standard normal costs."""
    return torch.from_numpy(rng.standard_normal((b, config.max_size, config.max_size), dtype=np.float32))


def clustered(rng: np.random.Generator, b: int, config: LSAPConfig) -> Tensor:
    """Return distances of points around centres that rows and columns share: many costs are nearly equal."""
    centres = rng.random((b, config.clusters, 2), dtype=np.float32)
    return _distances(*(_around(rng, centres, config) for _ in range(2)))


def directions(rng: np.random.Generator, b: int, config: LSAPConfig) -> Tensor:
    """Return chords between independent directions, uniform on the sphere."""
    points = rng.standard_normal((2, b, config.max_size, 3), dtype=np.float32)
    return _distances(*(points / np.linalg.norm(points, axis=-1, keepdims=True)))


DRAWS: Mapping[Costs, Draw] = {
    "uniform": uniform,
    "gaussian": gaussian,
    "clustered": clustered,
    "directions": directions,
}


def _around(rng: np.random.Generator, centres: Points, config: LSAPConfig) -> Points:
    """Return points [b, max_size, 2], each around one of the centres [b, clusters, 2]."""
    shape = len(centres), config.max_size
    chosen = np.take_along_axis(centres, rng.integers(0, config.clusters, shape)[..., None], 1)
    offset = rng.standard_normal((*shape, 2), dtype=np.float32)
    return chosen + np.float32(config.spread) * offset


def _distances(rows: Points, columns: Points) -> Tensor:
    points = torch.from_numpy(rows), torch.from_numpy(columns)
    # The default computes a matrix product, which rounds small distances away.
    return torch.cdist(*points, compute_mode="donot_use_mm_for_euclid_dist")
