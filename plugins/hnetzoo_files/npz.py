"""Dataset npz: your own problems.

The file is described in `hnetzoo.read_problems`. If it stores a split, that split is used; otherwise problems are
divided among the splits by a seeded shuffle.
"""

from functools import cached_property

import torch
from torch import Tensor

import hnetzoo
from hnetzoo_files.config import NpzConfig


class NpzDataset:
    """Problems from a .npz file.

    Args:
        config: Settings.

    Raises:
        DataError: On first use, if the file is not as described or has no association.
    """

    def __init__(self, config: NpzConfig) -> None:
        self.config = config
        self.unit = config.unit

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m) of the stored problems."""
        _, n, m = self._batch.distance.shape
        return n, m

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return the problems of a split; the seed has no effect."""
        chosen = self._membership == hnetzoo.SPLITS.index(split)
        if not bool(chosen.any()):
            raise hnetzoo.DataError(
                f"'{self.config.path}' leaves the {split} split without problems ({len(chosen)} in all); add problems, "
                "or change validation_share and test_share"
            )
        return self._batch.select(chosen.nonzero().squeeze(1))

    @cached_property
    def _stored(self) -> tuple[hnetzoo.AssociationBatch, Tensor | None]:
        stored = hnetzoo.read_problems(self.config.path)
        batch = stored.batch
        if batch is None:
            raise hnetzoo.DataError(
                f"'{self.config.path}' holds no array 'association'; training and evaluation need bool "
                f"{list(stored.distance.shape)} ('hnetzoo associate' needs none)"
            )
        return batch, stored.split

    @property
    def _batch(self) -> hnetzoo.AssociationBatch:
        return self._stored[0]

    @cached_property
    def _membership(self) -> Tensor:
        """Index of the split of every problem in `hnetzoo.SPLITS`, [b]."""
        batch, split = self._stored
        if split is not None:
            return split
        b = len(batch.distance)
        order = torch.randperm(b, generator=torch.Generator().manual_seed(self.config.split_seed))
        validation, test = (round(b * share) for share in (self.config.validation_share, self.config.test_share))
        membership = torch.zeros(b, dtype=torch.uint8)
        membership[order[:validation]] = 1
        membership[order[validation : validation + test]] = 2
        return membership
