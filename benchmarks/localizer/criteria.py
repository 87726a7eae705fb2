"""Training criteria: each maps an estimate and the truth to named terms, whose sum is minimised.

All take distances from active references, and the targets of activity from the association:

| kind | association | terms |
| --- | --- | --- |
| fixed-order | output i is slot i | distance, activity |
| permutation-invariant | the best pairing of each frame | distance, activity |
| tracking | output of the matcher | distance, false positives, misses, switches, activity |
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Estimate
from benchmarks.localizer.settings import CriterionEntry, Term
from hnetzoo.losses import (
    ActivityLoss,
    PermutationInvariantLoss,
    TrackingLoss,
    squared_euclidean_distance,
)

Terms = dict[str, Tensor]
ASSOCIATED = 0.5  # probability above which doa-net counts a pair as associated


class Criterion(Protocol):
    """A function that returns the terms of a batch of scenes."""

    def __call__(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return scalars by name."""


class FixedOrder(nn.Module):
    """Squared error of directions, slot by slot."""

    def __init__(self) -> None:
        super().__init__()
        self.activity = ActivityLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return "distance" and "activity"."""
        squared = (estimate.directions - truth.directions).square().sum(-1)
        return {
            "distance": (squared * truth.active).sum() / truth.active.sum().clamp(min=1),
            "activity": self.activity(estimate.activity, torch.diag_embed(truth.active)),
        }


class PermutationInvariant(nn.Module):
    """Like FixedOrder, in the best order of each frame."""

    def __init__(self, loss: PermutationInvariantLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return "distance" and "activity"."""
        distance = self.loss.metric(truth.directions, estimate.directions)
        association = self.loss.associate(distance.detach(), truth.active)
        terms = self.loss.terms(distance, truth.active, association=association)
        return {"distance": terms["distance"], "activity": self.activity(estimate.activity, association)}


class Tracking(nn.Module):
    """dMOTA and dMOTP of the directions, weighted by activity; the matcher gets chords, the loss squared distances."""

    def __init__(self, loss: TrackingLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the terms of TrackingLoss and "activity"."""
        association = self.loss.associate(self.loss.metric(truth.directions, estimate.directions), truth.active)
        terms = self.loss.terms(
            squared_euclidean_distance(truth.directions, estimate.directions),
            truth.active,
            activity=estimate.activity.sigmoid(),
            identity=truth.identity,
            association=association,
        )
        return {**terms, "activity": self.activity(estimate.activity, association)}


class Published(nn.Module):
    """Like Tracking, with the formulas of doa-net, which have neither activity nor identity."""

    def __init__(self, loss: TrackingLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss("doa-net")

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the terms of TrackingLoss and "activity"."""
        distance = self.loss.metric(truth.directions, estimate.directions)
        association = self.loss.associate(distance, truth.active)
        terms = self.loss.terms(distance, truth.active, association=association)
        return {**terms, "activity": self.activity(estimate.activity, association > ASSOCIATED)}


class Weighted(nn.Module):
    """A criterion whose terms have weights."""

    def __init__(self, criterion: Criterion, weights: Mapping[Term, float]) -> None:
        super().__init__()
        self.criterion = criterion
        self.weights = {str(name): weight for name, weight in weights.items()}

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the weighted terms."""
        return {name: self.weights.get(name, 1.0) * term for name, term in self.criterion(estimate, truth).items()}


def build_criterion(entry: CriterionEntry, matcher: nn.Module | None) -> Criterion:
    """Return the criterion of an entry; a matcher is needed if the entry names one.

    Example:
        >>> type(build_criterion(CriterionEntry(label="MSE", kind="fixed-order"), None).criterion).__name__
        'FixedOrder'
    """
    return Weighted(_criterion(entry, matcher), entry.weights)


def _criterion(entry: CriterionEntry, matcher: nn.Module | None) -> Criterion:
    if matcher is not None:
        loss = TrackingLoss(matcher, variant=entry.variant)
        return Published(loss) if entry.variant == "doa-net" else Tracking(loss)
    if entry.kind == "permutation-invariant":
        return PermutationInvariant(PermutationInvariantLoss())
    return FixedOrder()
