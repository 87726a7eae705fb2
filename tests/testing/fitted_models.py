"""A sound model that learns by fitting, others of unusual make, and variants with one defect each."""

import numpy as np
import torch
from torch import nn

import hnetzoo


class Fitted(hnetzoo.AssociationModel):
    """The threshold halfway between the mean distance of true pairs and that of others."""

    def __init__(self, config, shape):
        super().__init__()
        self.register_buffer("threshold", torch.tensor(config.scale))

    def fit(self, training):
        true, other = self.distances(training)
        if len(true) and len(other):
            self.threshold.copy_((true.mean() + other.mean()) / 2)

    def distances(self, training):
        clean, allowed = self.clean(*training.problems)
        return clean[training.association], clean[allowed & ~training.association]

    def logits(self, distance, allowed):
        return (self.threshold - distance).square() * (self.threshold - distance).sign()


class Nearest(Fitted):
    """No defect: the mean truth of the nearest of some pairs, which are drawn at random and kept."""

    KEPT = 64

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.register_buffer("known", torch.zeros(self.KEPT))
        self.register_buffer("truth", torch.full((self.KEPT,), 0.5))

    def fit(self, training):
        clean, allowed = self.clean(*training.problems)
        distance, truth = clean[allowed], training.association[allowed].float()
        chosen = torch.randint(len(distance), (self.KEPT,))
        self.known.copy_(distance[chosen])
        self.truth.copy_(truth[chosen])

    def logits(self, distance, allowed):
        nearest = (distance.unsqueeze(-1) - self.known).abs().topk(5, largest=False).indices
        return self.truth[nearest].mean(-1).logit(1e-3) + 0 * distance


class FittedParameters(Fitted):
    """No defect: it has parameters, and steps of its own inside fit."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.slope = nn.Parameter(torch.tensor(0.1))

    def fit(self, training):
        super().fit(training)
        optimizer = torch.optim.SGD([self.slope], 0.01)
        for _ in range(3):
            optimizer.zero_grad()
            (self.slope - 1.0).square().backward()
            optimizer.step()

    def logits(self, distance, allowed):
        return self.slope * (self.threshold - distance)


class GrowsWithData(Fitted):
    def fit(self, training):
        super().fit(training)
        self.threshold = self.threshold.expand(len(training.distance))

    def logits(self, distance, allowed):
        return self.threshold.mean() - distance


class LearnsNothing(Fitted):
    def fit(self, training):
        pass


class LearnsTheOpposite(Fitted):
    def logits(self, distance, allowed):
        return distance - self.threshold


class KeepsElsewhere(Fitted):
    def fit(self, training):
        super().fit(training)
        self.learned = self.threshold.item()

    def logits(self, distance, allowed):
        return getattr(self, "learned", 1.0) - distance


class OwnRandomness(Fitted):
    def fit(self, training):
        super().fit(training)
        self.threshold.add_(float(np.random.default_rng().normal(scale=0.01)))


class WritesIntoProblems(Fitted):
    def fit(self, training):
        super().fit(training)
        training.distance.clamp_(max=1.0)


class LearnsFromMasked(Fitted):
    def distances(self, training):
        true, _ = super().distances(training)
        return true, training.distance[~training.association & training.distance.isfinite()]


class LearnsFromForbidden(Fitted):
    def distances(self, training):
        true, _ = super().distances(training)
        return true, training.distance[training.cells & ~training.association]


class DividesByNone(Fitted):
    def fit(self, training):
        true, other = self.distances(training)
        self.threshold.copy_((true.mean() + other.mean()).nan_to_num(torch.inf) / 2)


class RefusesFeatureless(Fitted):
    def fit(self, training):
        raise RuntimeError("needs features")
