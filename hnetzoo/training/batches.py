"""Batches of a training epoch, whose order depends only on (seed, epoch)."""

from collections.abc import Iterator, Sequence

import torch

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.prediction import cut
from hnetzoo.config import TrainerConfig
from hnetzoo.training.determinism import derived_seed

GRADES_PER_OCTAVE = 2  # of sizes
SMALLEST = 2  # smaller problems are in one group with those of this size


def group_by_size(batch: AssociationBatch) -> list[AssociationBatch]:
    """Return the problems in groups of similar size, smaller ones first, without slots that no problem of a group has.

    Example:
        >>> rows = torch.arange(8) < torch.tensor([[1], [2], [4], [8]])
        >>> batch = AssociationBatch(torch.rand(4, 8, 8), torch.zeros(4, 8, 8, dtype=torch.bool), rows, rows)
        >>> [tuple(group.distance.shape) for group in group_by_size(batch)]
        [(2, 2, 2), (1, 4, 4), (1, 8, 8)]
    """
    size = torch.maximum(batch.row_mask.sum(1), batch.col_mask.sum(1)).clamp(min=SMALLEST)
    grade = (GRADES_PER_OCTAVE * size.double().log2()).ceil()
    return [batch.select((grade == value).nonzero().flatten()).compact() for value in sorted(set(grade.tolist()))]


def problem_groups(training: AssociationBatch, settings: TrainerConfig) -> list[AssociationBatch]:
    """Return the groups that batches are drawn from: of similar size with `pairs_per_batch`, else all in one."""
    return [training] if settings.pairs_per_batch is None else group_by_size(training)


def steps_per_epoch(groups: Sequence[AssociationBatch], settings: TrainerConfig) -> int:
    """Return the number of optimiser steps: of groups of `accumulate` full batches."""
    return sum(len(group.distance) // _batch_size(group, settings) for group in groups) // settings.accumulate


def shuffled_batches(
    groups: Sequence[AssociationBatch], settings: TrainerConfig, seed: int, epoch: int
) -> Iterator[AssociationBatch]:
    """Yield full batches, each of one group, in random order; the incomplete one of a group is dropped."""
    generator = torch.Generator().manual_seed(derived_seed(seed, epoch))
    batches: list[AssociationBatch] = []
    for group in groups:
        size = _batch_size(group, settings)
        order = torch.randperm(len(group.distance), generator=generator)
        whole = order[: len(order) // size * size]
        batches += cut(group.select(whole.to(group.distance.device)), size)
    mixed = torch.randperm(len(batches), generator=generator).tolist() if len(groups) > 1 else range(len(batches))
    yield from (batches[place] for place in mixed)


def _batch_size(group: AssociationBatch, settings: TrainerConfig) -> int:
    """Return the number of problems in a batch of a group, at least one; all problems of a group may be fewer."""
    if settings.pairs_per_batch is None:
        return settings.batch_size
    b, n, m = group.distance.shape
    return max(1, min(settings.batch_size, settings.pairs_per_batch // max(1, n * m), b))
