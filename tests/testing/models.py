"""A valid model, and variants of it with one defect each."""

import itertools

import numpy as np
import torch
from torch import nn

import hnetzoo

FAR = 10.0


class Valid(nn.Module):
    """Logits from the distance of a pair and its excess over the smallest in its row and in its column."""

    def __init__(self, config, shape):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, 1.0, 1.0]))
        self.threshold = nn.Parameter(torch.tensor(config.scale))

    def forward(self, distance, row_mask=None, col_mask=None):
        if distance.numel() == 0:
            return distance
        return self.masked(distance, row_mask, col_mask)

    def masked(self, distance, row_mask, col_mask):
        cells = hnetzoo.valid_cells(*hnetzoo.full_masks(distance, row_mask, col_mask))
        forbidden = cells & distance.isposinf()
        return self.logits(distance.masked_fill(~cells | forbidden, FAR), cells).masked_fill(forbidden, -20.0)

    def logits(self, far, cells):
        row, column = far - far.amin(2, keepdim=True), far - far.amin(1, keepdim=True)
        return self.threshold - self.weight[0] * far - self.weight[1] * row - self.weight[2] * column


class OutOfShape(Valid):
    def forward(self, *inputs):
        return super().forward(*inputs).flatten(1)


class LosesBatchAxis(Valid):
    def forward(self, *inputs):
        return super().forward(*inputs).squeeze(0)


class Double(Valid):
    def forward(self, *inputs):
        return super().forward(*inputs).double()


class LogarithmOfZero(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) - 0.1 * far.log()


class BatchStatistics(Valid):
    def logits(self, far, cells):
        logits = super().logits(far, cells)
        return logits - logits.mean(0)


class IgnoresMasks(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        return super().forward(distance.nan_to_num(FAR, FAR, -FAR))


class LeaksMasked(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        cells = hnetzoo.valid_cells(*hnetzoo.full_masks(distance, row_mask, col_mask))
        return torch.where(cells, super().forward(distance, row_mask, col_mask), distance.detach())


class DifferentWithoutMasks(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        return super().forward(distance, row_mask, col_mask) * (0.5 if row_mask is None else 1.0)


class CountsPadding(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) / far.shape[2]


class WritesIntoInput(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        distance.data.clamp_(max=0.5)
        return super().forward(distance, row_mask, col_mask)


class Noisy(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) + 1e-5 * torch.rand_like(far)


class OrderedRows(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) + torch.arange(far.shape[1], device=far.device)[:, None]


class OrderedColumns(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) + torch.arange(far.shape[2], device=far.device)


class SquareOnly(Valid):
    def logits(self, far, cells):
        b, n, _ = far.shape
        return super().logits(far, cells).view(b, n, n)


class LosesSinglePair(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        logits = super().forward(distance, row_mask, col_mask)
        return logits.flatten() if distance.shape[1:] == (1, 1) else logits


class FailsOnEmpty(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        return self.masked(distance, row_mask, col_mask)


class DividesByValidCount(Valid):
    def logits(self, far, cells):
        logits = super().logits(far, cells)
        return logits - logits.masked_fill(~cells, 0.0).sum((1, 2), keepdim=True) / cells.sum((1, 2), keepdim=True)


class NothingToLearn(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.requires_grad_(False)


class DeadLayer(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.unused = nn.Linear(2, 2)


class CutsGradient(Valid):
    def forward(self, distance, *masks):
        return super().forward(distance.detach(), *masks)


class SpoilsMaskedGradient(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        cells = hnetzoo.valid_cells(*hnetzoo.full_masks(distance, row_mask, col_mask))
        return super().forward(torch.where(cells, (1.0 + distance).log(), 0.0), row_mask, col_mask)


class HidesState(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.offset = torch.rand(())

    def logits(self, far, cells):
        return super().logits(far, cells) + self.offset


class OwnRandomness(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.threshold.data += float(np.random.default_rng().random())


class NumberedWeights(Valid):
    number = itertools.count()

    def __init__(self, config, shape):
        super().__init__(config, shape)
        setattr(self, f"bias_{next(self.number)}", nn.Parameter(torch.tensor(0.0)))

    def logits(self, far, cells):
        return super().logits(far, cells) + sum(p for name, p in self.named_parameters() if name.startswith("bias"))


class SinglePrecision(Valid):
    def forward(self, distance, *masks):
        return super().forward(distance.float(), *masks).float()


class StaysOnCpu(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) + torch.zeros(far.shape[2])


class NotAModule:
    def __init__(self, config, shape):
        self.config = config


class Unbuildable(nn.Module):
    def __init__(self, config):
        super().__init__()


class ExitsTheProgram(Valid):
    def forward(self, *inputs):
        raise SystemExit(0)


class StartsAtZero(Valid):
    """No defect: the output layer starts at zero, so the first step sends no gradient to the rest."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.gain = nn.Parameter(torch.tensor(0.0))

    def logits(self, far, cells):
        return self.gain * super().logits(far, cells) - 0.1 * far


class Dropout(Valid):
    """No defect: random in training mode only."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.dropout = nn.Dropout(0.5)

    def logits(self, far, cells):
        return self.dropout(super().logits(far, cells))


class TakesFeatures(Valid):
    """Logits fall with the difference of the sums of two slots' features."""

    feature_count = 2

    def forward(self, distance, row_mask=None, col_mask=None, row_features=None, col_features=None):
        logits = super().forward(distance, row_mask, col_mask)
        if row_features is None:
            return logits
        rows, columns = hnetzoo.full_masks(distance, row_mask, col_mask)
        return logits - self.apart(row_features, col_features, rows, columns)

    def apart(self, row_features, col_features, rows, columns):
        first = row_features.masked_fill(~rows.unsqueeze(-1), 0.0).sum(-1).unsqueeze(2)
        second = col_features.masked_fill(~columns.unsqueeze(-1), 0.0).sum(-1).unsqueeze(1)
        return (first - second).abs()


class CountsNoFeatures(TakesFeatures):
    feature_count = None


class OverlooksFeatures(TakesFeatures):
    def apart(self, row_features, col_features, rows, columns):
        return 0.0


class LeaksFeatures(TakesFeatures):
    def apart(self, row_features, col_features, rows, columns):
        return super().apart(row_features, col_features, rows, columns) + col_features.mean((1, 2)).view(-1, 1, 1)


class FeaturesByPlace(TakesFeatures):
    def apart(self, row_features, col_features, rows, columns):
        place = torch.arange(row_features.shape[1]).view(1, -1, 1)
        return super().apart(row_features + place.to(row_features), col_features, rows, columns)
