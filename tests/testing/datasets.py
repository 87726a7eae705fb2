"""A sound dataset, and what becomes of it by one mistake each."""

import torch

import hnetzoo

SPLITS = ("train", "validation", "test")


class Sound:
    """Problems of 3 x 4 with masks, whose truth is the optimum."""

    unit = "metres"
    shape = (3, 4)

    def __init__(self, config):
        self.config = config

    def load(self, split, seed):
        generator = torch.Generator().manual_seed(3 * seed + SPLITS.index(split))
        distance = torch.rand(40, 3, 4, generator=generator)
        row_mask, col_mask = (torch.rand(40, size, generator=generator) < 0.8 for size in self.shape)
        truth = hnetzoo.assign(distance, row_mask, col_mask)
        return hnetzoo.AssociationBatch(distance, truth, row_mask, col_mask)


class NoUnit(Sound):
    unit = ""


class LiesAboutShape(Sound):
    shape = (3, 5)

    def load(self, split, seed):
        return Sound(self.config).load(split, seed)


class PlainTuple(Sound):
    def load(self, split, seed):
        return tuple(super().load(split, seed))


class FailsToLoad(Sound):
    def load(self, split, seed):
        raise FileNotFoundError("no such file")


class DoublePrecision(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(distance=batch.distance.double())


class NoValidation(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch.select(slice(0, 0)) if split == "validation" else batch


class NotNumbers(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        distance = batch.distance.clone()
        distance[7][valid(batch, 7)] = torch.nan
        return batch._replace(distance=distance)


class Crowded(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=batch.cells)


class TruthOutsideMasks(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=hnetzoo.assign(batch.distance))


class SecondBest(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=hnetzoo.assign(-batch.distance, batch.row_mask, batch.col_mask))


class LeavesPairsOut(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=batch.association & (batch.distance < 0.2))


class GlobalRandomness(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(distance=batch.distance + 1e-3 * torch.rand(40, 1, 1))


class DeafToSeed(Sound):
    def load(self, split, seed):
        return super().load(split, 0)


class OneStream(Sound):
    """Draws from one generator, so a split depends on what was drawn before."""

    def __init__(self, config):
        super().__init__(config)
        self.drawn = 0

    def load(self, split, seed):
        self.drawn += 1
        return super().load(split, seed + 100 * self.drawn)


class OneSplit(Sound):
    def load(self, split, seed):
        return super().load("train", seed)


class TestsOnTraining(Sound):
    def load(self, split, seed):
        batch = super().load(split, seed)
        if split != "test":
            return batch
        part = super().load("train", seed).select(slice(0, 20))
        return hnetzoo.AssociationBatch.concatenate((part, batch.select(slice(20, None))))


class Active(Sound):
    """Sound: activity is what the masks say."""

    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=batch.row_mask, col_active=batch.col_mask)


class MisshapenActivity(Active):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=batch.col_active, col_active=batch.row_active)


class ActiveWhereNothingIs(Active):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=torch.ones_like(batch.row_mask))


class TrueWhereInactive(Active):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=torch.zeros_like(batch.row_mask))


class ActivityMethod(Sound):
    """Tells activity by the method that was once asked for it."""

    def activity(self, split, seed):
        batch = self.load(split, seed)
        return batch.row_mask, batch.col_mask


class LoadsNothing:
    unit = "metres"
    shape = (3, 4)

    def __init__(self, config):
        self.config = config


def valid(batch, index):
    return batch.cells[index]
