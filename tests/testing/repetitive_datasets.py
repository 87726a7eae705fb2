"""Datasets with one defect each that single problems do not show."""

import torch

import hnetzoo
from tests.testing.datasets import SPLITS, Valid


class HashSeeded(Valid):
    """Seeds by the hash of a text, which differs between processes."""

    def load(self, split, seed):
        return super().load(split, seed + hash(split) % 1000)


class SetOrder(Valid):
    """Joins parts in the order of a set of texts."""

    def load(self, split, seed):
        parts = {f"part {number}" for number in range(8)}
        batches = [super(SetOrder, self).load(split, 10 * seed + int(part[-1])) for part in parts]
        return hnetzoo.AssociationBatch.concatenate(batches)


class MovedTraining(Valid):
    """The test split is the training split with other orders of slots."""

    def load(self, split, seed):
        if split != "test":
            return super().load(split, seed)
        return super().load("train", seed).shuffle_slots(torch.Generator().manual_seed(1))


class RoundedTraining(MovedTraining):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(distance=batch.distance.mul(1e5).round().div(1e5)) if split == "test" else batch


class NoisyTraining(Valid):
    def load(self, split, seed):
        batch = super().load("train", seed)
        return batch._replace(distance=batch.distance + 1e-6 * SPLITS.index(split))


class Diagonal(Valid):
    shape = (4, 4)

    def load(self, split, seed):
        generator = torch.Generator().manual_seed(3 * seed + SPLITS.index(split))
        distance = torch.rand(40, 4, 4, generator=generator)
        return hnetzoo.AssociationBatch.with_full_masks(distance, torch.eye(4, dtype=torch.bool).repeat(40, 1, 1))


class TrueAtInfinity(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        forbidden = batch.association & (torch.arange(40) % 5 == 0)[:, None, None]
        return batch._replace(distance=batch.distance.masked_fill(forbidden, torch.inf))


class TrueAtInfinityInTraining(TrueAtInfinity):
    def load(self, split, seed):
        return super().load(split, seed) if split == "train" else Valid.load(self, split, seed)


class OneProblem(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        index = int((batch.row_mask.all(1) & batch.col_mask.all(1)).nonzero()[0])
        return batch.select(torch.full((40,), index))


class OneProblemMoved(OneProblem):
    def load(self, split, seed):
        return super().load(split, seed).shuffle_slots(torch.Generator().manual_seed(seed))
