"""Dataset npz: your own problems.

A file is described in `hnetzoo.read_problems`. If it stores a split, that split is used; otherwise problems are divided
among the splits by a seeded shuffle. A folder is described in `hnetzoo.read_problem_folder`; its arrays are mapped into
memory. If it holds one split alone, consecutive problems are divided among all three, since a shuffle would copy them.
"""

from functools import cached_property

import torch
from torch import Tensor

import hnetzoo
from hnetzoo_files.config import NpzConfig


class NpzDataset:
    """Problems from a .npz file or a folder.

    Args:
        config: Settings.

    Raises:
        DataError: On first use, if file or folder are not as described or have no association.
    """

    def __init__(self, config: NpzConfig) -> None:
        self.config = config

    @property
    def mapped(self) -> bool:
        """Whether tensors are parts of files, so that a split may exceed the memory."""
        return self.config.path.is_dir()

    @property
    def unit(self) -> str:
        """The unit that is set, or that of the folder."""
        given = self.config.unit != "unknown" or not self.mapped
        return self.config.unit if given else self._folder.manifest.unit

    @property
    def truth(self) -> str:
        """What a true pair means, where a folder says it."""
        return self._folder.manifest.truth if self.mapped else ""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m) of the stored problems."""
        if self.mapped:
            return self._folder.shape
        _, n, m = self._batch.distance.shape
        return n, m

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return the problems of a split; the seed has no effect."""
        if self.mapped:
            return self._of_folder(split)
        chosen = self._membership == hnetzoo.SPLITS.index(split)
        self._require(split, int(chosen.sum()), len(chosen))
        return self._batch.select(chosen.nonzero().squeeze(1))

    def _of_folder(self, split: hnetzoo.Split) -> hnetzoo.AssociationBatch:
        held = self._folder.splits
        if len(held) > 1 and split not in held:
            raise hnetzoo.DataError(
                f"'{self.config.path}' holds no {split} split (found: {', '.join(held)}); write all three, or one that "
                "is divided"
            )
        if len(held) > 1:
            self._require(split, held[split], sum(held.values()))
            return self._folder.load(split)
        ((only, count),) = held.items()
        part = hnetzoo.split_slice(split, count, self.config.validation_share, self.config.test_share)
        self._require(split, part.stop - part.start, count)
        return self._folder.load(only).select(part)

    def _require(self, split: hnetzoo.Split, found: int, of: int) -> None:
        """Raise DataError if a split has no problem."""
        if not found:
            raise hnetzoo.DataError(
                f"'{self.config.path}' leaves the {split} split without problems ({of} in all); add problems, "
                "or change validation_share and test_share"
            )

    @cached_property
    def _folder(self) -> hnetzoo.ProblemFolder:
        return hnetzoo.read_problem_folder(self.config.path)

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
