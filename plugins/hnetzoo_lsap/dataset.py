"""Dataset lsap: linear assignment problems of mixed sizes in one batch.

Every existing slot is active, so the optimum matches every slot of the smaller side. The first rows and columns of a
problem exist; the others are masked and hold further random costs.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

import hnetzoo
from hnetzoo_lsap.config import UNITS, LSAPConfig
from hnetzoo_lsap.costs import DRAWS


class Masks(NamedTuple):
    """Which slots exist: rows bool [b, max_size], columns bool [b, max_size]."""

    rows: Tensor
    columns: Tensor


class LSAP:
    """Linear assignment problems with their optima.

    Example:
        >>> batch = LSAP(LSAPConfig(max_size=5, costs="directions", samples=100)).load("train", seed=0)
        >>> batch.distance.shape, bool((batch.association.sum((1, 2)) == batch.row_mask.sum(1)).all())
        (torch.Size([100, 5, 5]), True)
    """

    truth = "assignment"

    def __init__(self, config: LSAPConfig) -> None:
        self.config = config
        self.unit = UNITS[config.costs]

    @property
    def shape(self) -> tuple[int, int]:
        """(max_size, max_size)."""
        return self.config.max_size, self.config.max_size

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return a split; the truth is the optimum of the distances as stored, in float32."""
        rng, b = hnetzoo.split_generator(split, seed), hnetzoo.split_size(split, self.config.samples)
        masks = self._masks(rng, b)
        distance = DRAWS[self.config.costs](rng, b, self.config)
        return hnetzoo.AssociationBatch(distance, hnetzoo.assign(distance, *masks), *masks)

    def _masks(self, rng: np.random.Generator, b: int) -> Masks:
        sizes = rng.integers(self.config.min_size, self.config.max_size + 1, (2, b, 1))
        if self.config.form == "square":
            sizes[1] = sizes[0]
        return Masks(*torch.from_numpy(np.arange(self.config.max_size) < sizes))
