"""Points in slots, shared by the synthetic DOA datasets: random points and the order of the slots."""

from typing import NamedTuple

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
            np.take_along_axis(self.reference, rows[..., None], 1),
            np.take_along_axis(self.predicted, columns[..., None], 1),
            np.take_along_axis(self.row_active, rows, 1),
            np.take_along_axis(self.col_active, columns, 1),
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


def far_points(rng: np.random.Generator, b: int, slots: int) -> Floats:
    """Return random inactive points far from every direction, [b, slots, 3]."""
    return uniform_directions(rng, b, slots) * rng.uniform(*FAR_RADII, (b, slots, 1))


def permutations(rng: np.random.Generator, b: int, slots: int) -> Ints:
    """Return a random order of the slots for each problem, [b, slots]."""
    return rng.random((b, slots)).argsort(1)
