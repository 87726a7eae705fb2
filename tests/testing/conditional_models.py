"""Models with one defect each that shows only under some condition: a size, a mode, a mask, an earlier call."""

import time

import numpy as np
import torch
from torch import nn

import hnetzoo
from tests.testing.models import FAR, Valid


class InfiniteForForbidden(Valid):
    def masked(self, distance, row_mask, col_mask):
        cells = hnetzoo.valid_cells(*hnetzoo.full_masks(distance, row_mask, col_mask))
        return self.threshold - self.weight.sum() * distance.masked_fill(~cells, FAR)


class PairsForbidden(Valid):
    def forward(self, distance, *masks):
        return super().forward(distance.nan_to_num(FAR, 0.0, -FAR), *masks)


class SpoilsForbiddenGradient(Valid):
    def masked(self, distance, row_mask, col_mask):
        return super().masked(distance, row_mask, col_mask) - (distance * (0.1 / distance)).nan_to_num(0.1)


class LeaksInLargeBatches(Valid):
    least = 64

    def logits(self, far, cells):
        logits = super().logits(far, cells)
        return logits - logits.mean(0) if len(far) >= self.least else logits


class LeaksInVeryLargeBatches(LeaksInLargeBatches):
    least = 257


class HalfInLargeBatches(Valid):
    def forward(self, distance, *masks):
        logits = super().forward(distance, *masks)
        return logits.half() if len(distance) > 32 else logits


class DoubleForOne(Valid):
    def forward(self, distance, *masks):
        logits = super().forward(distance, *masks)
        return logits.double() if len(distance) == 1 else logits


class IgnoresColumnsOfOneRow(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        if distance.shape[1] == 1:
            distance, col_mask = distance.nan_to_num(FAR, FAR, -FAR), None
        return super().forward(distance, row_mask, col_mask)


class IgnoresRowsOfMany(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        if distance.shape[1] > 4 and row_mask is not None:
            distance, row_mask = distance.nan_to_num(FAR, FAR, -FAR), None
        return super().forward(distance, row_mask, col_mask)


class KeepsFirstMasks(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        if not hasattr(self, "kept") or self.kept[0].shape != distance.shape[:2]:
            self.kept = hnetzoo.full_masks(distance, row_mask, col_mask)
        return super().forward(distance.nan_to_num(FAR), *self.kept)


class WritesIntoMasks(Valid):
    def forward(self, distance, row_mask=None, col_mask=None):
        logits = super().forward(distance, row_mask, col_mask)
        if row_mask is not None:
            row_mask.fill_(True)
        return logits


class WritesIntoLarge(Valid):
    def forward(self, distance, *masks):
        distance.data.clamp_(max=1e4)
        return super().forward(distance, *masks)


class WritesInTraining(Valid):
    def forward(self, distance, *masks):
        if self.training:
            distance.data.add_(0.1)
        return super().forward(distance, *masks)


class NothingLeftInTraining(Valid):
    def logits(self, far, cells):
        logits = super().logits(far, cells)
        if not self.training:
            return logits
        kept = logits.masked_fill(~cells, -torch.inf)
        return torch.where(cells, logits, kept.softmax(2).nan_to_num(0.0)) + 0 * kept.softmax(2)


class DetachedPart(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) - 0.5 * far.detach() - 0.5 * far.square().detach()


class TurnedGradient(Valid):
    def logits(self, far, cells):
        logits = super().logits(far, cells)
        return 2 * logits.detach() - logits


class TurnedInTraining(TurnedGradient):
    def logits(self, far, cells):
        return super().logits(far, cells) if self.training else Valid.logits(self, far, cells)


class LearnsInEval(Valid):
    def logits(self, far, cells):
        self.threshold.data.mul_(0.999)
        return super().logits(far, cells)


class KeepsLastLogits(Valid):
    def logits(self, far, cells):
        self.last = super().logits(far, cells)
        return self.last


class CountsCalls(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.calls = 0

    def logits(self, far, cells):
        self.calls += 1
        return super().logits(far, cells)


class RunningMean(Valid):
    """A mean that is updated in training and is no buffer."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.mean = torch.zeros(())

    def logits(self, far, cells):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * far.detach().mean()
        return super().logits(far, cells) + self.mean.to(far)


class NotPersistent(RunningMean):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        del self.mean
        self.register_buffer("mean", torch.zeros(()), persistent=False)


class CopiesItself(Valid):
    def __deepcopy__(self, memo):
        return self


class Unpicklable(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.activation = lambda logits: logits

    def logits(self, far, cells):
        return self.activation(super().logits(far, cells))


class KeepsInferenceTensors(Valid):
    def logits(self, far, cells):
        if not hasattr(self, "scale"):
            self.scale = torch.ones((), dtype=far.dtype, device=far.device) * 2
        return super().logits(far, cells) * self.scale


class NeedsContiguous(Valid):
    def forward(self, distance, *masks):
        return super().forward(distance.view(-1).view(distance.shape), *masks)


class ReadsStorage(Valid):
    def forward(self, distance, *masks):
        first = torch.as_strided(distance, (2,), (1,), 0).nan_to_num(0.0, 0.0)
        return super().forward(distance + 0 * first.sum(), *masks) + 1e-2 * (first[1] - first[0])


class ThreadsDecide(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) * torch.get_num_threads()


class SeedsGlobally(Valid):
    def logits(self, far, cells):
        torch.manual_seed(0)
        return super().logits(far, cells) + 1e-3 * torch.rand(())


class SeedsNumpy(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        np.random.seed(0)


class SeedsOnBuilding(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        torch.manual_seed(0)


class SetsThreads(Valid):
    def logits(self, far, cells):
        torch.set_num_threads(1)
        return super().logits(far, cells)


class Prints(Valid):
    def logits(self, far, cells):
        print("logits of", tuple(far.shape))
        return super().logits(far, cells)


class EightPositions(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.register_buffer("places", torch.zeros(8))

    def logits(self, far, cells):
        return super().logits(far, cells) + self.places[torch.arange(far.shape[2], device=far.device)]


class FailsFromSixteen(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) * (1.0 if far.shape[1] < 16 else torch.nan)


class FailsFromThirty(Valid):
    def logits(self, far, cells):
        return super().logits(far, cells) * (1.0 if far.shape[1] < 30 else torch.inf)


class PairsOfPairs(Valid):
    """Takes 2 GiB at 64 x 64."""

    def logits(self, far, cells):
        b, n, m = far.shape
        torch.zeros(b, n, m, n, m, 16, device=far.device)
        return super().logits(far, cells)


class Waits(Valid):
    def logits(self, far, cells):
        if far.shape[1] > 60:
            time.sleep(60)
        return super().logits(far, cells)


class Lazy(Valid):
    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.read = nn.LazyLinear(1)
