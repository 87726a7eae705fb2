"""A valid dataset, and variants of it with one defect each."""

import torch

import hnetzoo

SPLITS = ("train", "validation", "test")


class Valid:
    """Problems of 3 x 4 with masks, whose true pairs are the optimal assignment."""

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


class NoUnit(Valid):
    unit = ""


class WrongShape(Valid):
    shape = (3, 5)

    def load(self, split, seed):
        return Valid(self.config).load(split, seed)


class PlainTuple(Valid):
    def load(self, split, seed):
        return tuple(super().load(split, seed))


class FailsToLoad(Valid):
    def load(self, split, seed):
        raise FileNotFoundError("no such file")


class DoublePrecision(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(distance=batch.distance.double())


class NoValidation(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch.select(slice(0, 0)) if split == "validation" else batch


class NotNumbers(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        distance = batch.distance.clone()
        distance[7][entries(batch, 7)] = torch.nan
        return batch._replace(distance=distance)


class SeveralPairsPerRow(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=batch.cells)


class TruthOutsideMasks(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=hnetzoo.assign(batch.distance))


class SecondBest(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=hnetzoo.assign(-batch.distance, batch.row_mask, batch.col_mask))


class OmitsPairs(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(association=batch.association & (batch.distance < 0.2))


class GlobalRandomness(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(distance=batch.distance + 1e-3 * torch.rand(40, 1, 1))


class IgnoresSeed(Valid):
    def load(self, split, seed):
        return super().load(split, 0)


class OneGenerator(Valid):
    """Draws from one generator, so a split depends on what was drawn before."""

    def __init__(self, config):
        super().__init__(config)
        self.drawn = 0

    def load(self, split, seed):
        self.drawn += 1
        return super().load(split, seed + 100 * self.drawn)


class OneSplit(Valid):
    def load(self, split, seed):
        return super().load("train", seed)


class TestsOnTraining(Valid):
    def load(self, split, seed):
        batch = super().load(split, seed)
        if split != "test":
            return batch
        part = super().load("train", seed).select(slice(0, 20))
        return hnetzoo.AssociationBatch.concatenate((part, batch.select(slice(20, None))))


class Active(Valid):
    """No defect: the active slots are those of the masks."""

    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=batch.row_mask, col_active=batch.col_mask)


class MisshapenActivity(Active):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=batch.col_active, col_active=batch.row_active)


class MaskedSlotActive(Active):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=torch.ones_like(batch.row_mask))


class InactivePairTrue(Active):
    def load(self, split, seed):
        batch = super().load(split, seed)
        return batch._replace(row_active=torch.zeros_like(batch.row_mask))


class ActivityMethod(Valid):
    """Has a method for activity, which older versions called."""

    def activity(self, split, seed):
        batch = self.load(split, seed)
        return batch.row_mask, batch.col_mask


class LoadsNothing:
    unit = "metres"
    shape = (3, 4)

    def __init__(self, config):
        self.config = config


def entries(batch, index):
    return batch.cells[index]
