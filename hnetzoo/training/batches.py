"""Batches of a training epoch, whose order depends only on (seed, epoch)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.config import TrainerConfig
from hnetzoo.training.determinism import derived_seed

GRADES_PER_OCTAVE = 2  # of sizes
LARGEST_COPY = 1 << 30  # bytes; groups of a larger split are not copied, nor moved to a device as a whole
SMALLEST = 2  # smaller problems are in one group with those of this size


@dataclass(frozen=True)
class LargeGroup:
    """Problems of a split that is too large to copy; batches are gathered and moved one by one.

    Fields:
        split: All problems of the split.
        index: Which of them, int64 [k]; None: all, with all their slots.
        size: The largest numbers of rows and columns that exist in one of these, where they are not all.
        device: Where batches are moved.
    """

    split: AssociationBatch
    index: Tensor | None = None
    size: tuple[int, int] = (0, 0)
    device: str = "cpu"

    def select(self, index: Tensor) -> AssociationBatch:
        """Return some of the problems, by index int64 [k]."""
        if self.index is None:
            return self.split.select(index).to(self.device)
        return self.split.select(self.index[index]).compact(self.size).to(self.device)

    def to(self, device: str) -> "LargeGroup":
        """Return the group, whose batches are on a device."""
        return replace(self, device=device)


Group = AssociationBatch | LargeGroup


def group_by_size(batch: AssociationBatch) -> list[AssociationBatch]:
    """Return the problems in groups of similar size, smaller ones first, without slots that no problem of a group has.

    Example:
        >>> rows = torch.arange(8) < torch.tensor([[1], [2], [4], [8]])
        >>> batch = AssociationBatch(torch.rand(4, 8, 8), torch.zeros(4, 8, 8, dtype=torch.bool), rows, rows)
        >>> [tuple(group.distance.shape) for group in group_by_size(batch)]
        [(2, 2, 2), (1, 4, 4), (1, 8, 8)]
    """
    rows, columns = batch.row_mask.sum(1), batch.col_mask.sum(1)
    return [batch.select(index).compact() for index in _grades(rows, columns)]


def _grades(rows: Tensor, columns: Tensor) -> Iterator[Tensor]:
    """Yield which problems are of similar size, int64 [k], smaller ones first, by their numbers of slots, each [b]."""
    grade = (GRADES_PER_OCTAVE * torch.maximum(rows, columns).clamp(min=SMALLEST).double().log2()).ceil()
    for value in sorted(set(grade.tolist())):
        yield (grade == value).nonzero().flatten()


def problem_groups(training: AssociationBatch, settings: TrainerConfig) -> list[AssociationBatch]:
    """Return the groups that batches are drawn from: of similar size with `pairs_per_batch`, else all in one."""
    return [training] if settings.pairs_per_batch is None else group_by_size(training)


def training_groups(training: AssociationBatch, settings: TrainerConfig) -> Sequence[Group]:
    """Return the groups of `problem_groups`, without a copy of a split that is too large for it."""
    if sum(field.nbytes for field in training.tensors.values()) <= LARGEST_COPY:
        return problem_groups(training, settings)
    if settings.pairs_per_batch is None:
        return [LargeGroup(training)]
    rows, columns = training.row_mask.sum(1), training.col_mask.sum(1)
    return [
        LargeGroup(training, index, (int(rows[index].max()), int(columns[index].max())))
        for index in _grades(rows, columns)
    ]


def extent(group: Group) -> tuple[int, int, int]:
    """Return (b, n, m) of the problems of a group."""
    if isinstance(group, LargeGroup) and group.index is not None:
        return len(group.index), *group.size
    b, n, m = (group.split if isinstance(group, LargeGroup) else group).distance.shape
    return b, n, m


def steps_per_epoch(groups: Sequence[Group], settings: TrainerConfig) -> int:
    """Return the number of optimiser steps: of groups of `accumulate` full batches."""
    return sum(extent(group)[0] // _batch_size(group, settings) for group in groups) // settings.accumulate


def shuffled_batches(
    groups: Sequence[Group], settings: TrainerConfig, seed: int, epoch: int
) -> Iterator[AssociationBatch]:
    """Yield full batches, each of one group, in random order; the incomplete one of a group is dropped.

    Each is gathered when it is asked for, so that a split that is larger than memory is never copied.
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, epoch))
    batches: list[tuple[Group, Tensor]] = []
    for group in groups:
        size = _batch_size(group, settings)
        order = torch.randperm(extent(group)[0], generator=generator)
        whole = order[: len(order) // size * size]
        if isinstance(group, AssociationBatch):
            whole = whole.to(group.distance.device)
        batches += [(group, index) for index in torch.split(whole, size) if len(index)]
    mixed = torch.randperm(len(batches), generator=generator).tolist() if len(groups) > 1 else range(len(batches))
    for group, index in (batches[place] for place in mixed):
        yield group.select(index)


def _batch_size(group: Group, settings: TrainerConfig) -> int:
    """Return the number of problems in a batch of a group, at least one; all problems of a group may be fewer."""
    if settings.pairs_per_batch is None:
        return settings.batch_size
    b, n, m = extent(group)
    return max(1, min(settings.batch_size, settings.pairs_per_batch // max(1, n * m), b))
