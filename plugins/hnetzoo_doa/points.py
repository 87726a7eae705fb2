"""Points in slots, shared by the synthetic DOA datasets: random points and the order of the slots."""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import hnetzoo
from hnetzoo_doa.geometry import Floats, uniform_directions

FAR_RADII = (10.0, 100.0)  # range of the radius of inactive points; active points have radius 1

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Activity = tuple[Tensor, Tensor]


class Points(NamedTuple):
    """Slots of both sides: points float64 [b, n, 3] and [b, m, 3], activity bool [b, n] and [b, m]."""

    reference: Floats
    predicted: Floats
    row_active: Bools
    col_active: Bools

    def reorder(self, rows: Ints, columns: Ints) -> "Points":
        """Return the slots in the orders rows [b, n] and columns [b, m]."""
        return Points(
            _taken(self.reference, rows),
            _taken(self.predicted, columns),
            _taken(self.row_active, rows),
            _taken(self.col_active, columns),
        )

    @property
    def activity(self) -> Activity:
        """Which slots hold a source, as tensors."""
        return torch.from_numpy(self.row_active), torch.from_numpy(self.col_active)

    def batch(self, distance: Tensor, association: Tensor, *, masked: bool) -> hnetzoo.AssociationBatch:
        """Return the problems; if masked, inactive slots are masked out, otherwise only the activity tells them."""
        active = self.activity
        masks = active if masked else hnetzoo.full_masks(distance, None, None)
        return hnetzoo.AssociationBatch(distance, association, *masks, *active)


def _taken(slots: NDArray[Any], order: Ints) -> NDArray[Any]:
    """Return slots [b, n, ...] in the order [b or 1, n]."""
    b, n = slots.shape[:2]
    taken: NDArray[Any] = slots.reshape(b * n, *slots.shape[2:]).take(order + n * np.arange(b)[:, None], axis=0)
    return taken


def far_points(rng: np.random.Generator, b: int, slots: int) -> Floats:
    """Return random inactive points far from every direction, [b, slots, 3]."""
    return uniform_directions(rng, b, slots) * rng.uniform(*FAR_RADII, (b, slots, 1))


def permutations(rng: np.random.Generator, b: int, slots: int) -> Ints:
    """Return a random order of the slots for each problem, [b, slots]."""
    keys = rng.random((b, slots))
    if slots != 2:
        return keys.argsort(1)
    swapped = keys[:, 0] > keys[:, 1]  # of two, comparing is faster than sorting
    return np.stack((swapped, ~swapped), 1).astype(np.int64)
