"""The model, its trainer and its dataset."""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo


class SampleNet(hnetzoo.AssociationModel):
    def __init__(self, config, shape):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(config.scale))
        self.threshold = nn.Parameter(torch.tensor(0.5))

    def logits(self, distance, allowed):
        return self.scale * (self.threshold - distance)


class SampleTrainer:
    def __init__(self, config):
        self.config = config

    def losses(self, model, batch):
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        return {"cell": binary_cross_entropy_with_logits(logits, batch.association.float(), batch.cells.float())}

    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), self.config.learning_rate))


class SampleData:
    unit = "cost"
    shape = (2, 3)

    def __init__(self, config):
        self.config = config

    def load(self, split, seed):
        generator = torch.Generator().manual_seed(3 * seed + ("train", "validation", "test").index(split))
        distance = torch.rand(500, *self.shape, generator=generator)
        return hnetzoo.AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance))
