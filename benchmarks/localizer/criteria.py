"""What a localizer is trained with: each criterion maps an estimate and the truth to named terms that are summed.

All learn directions where somebody lives, and activity from who is whose prediction:

| kind | who is whose | loss of directions |
| --- | --- | --- |
| fixed-order | output i is slot i | squared error |
| permutation-invariant | the best pairing of each frame | squared error, or chord |
| tracking | what the matcher says | 1 - dMOTA, and chord where associated |
"""

from typing import Protocol

import torch
from features import Examples
from network import Estimate
from settings import CriterionEntry
from torch import Tensor, nn

from hnetzoo.losses import (
    ActivityLoss,
    PermutationInvariantLoss,
    TrackingLoss,
    chordal_distance,
    squared_euclidean_distance,
)

Terms = dict[str, Tensor]
METRICS = {"squared": squared_euclidean_distance, "chord": chordal_distance}
SURE = 0.5  # probability from which a prediction is taught to be active


class Criterion(Protocol):
    """Compute the terms of a batch of scenes."""

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
    """As FixedOrder, in the order that is best for each frame."""

    def __init__(self, loss: PermutationInvariantLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return "distance", "unmatched" and "activity"."""
        distance = self.loss.metric(truth.directions, estimate.directions)
        association = self.loss.associate(distance.detach(), truth.active)
        activity = self.activity(estimate.activity, association)
        return {**self.loss.terms(distance, truth.active), "activity": activity}


class Tracking(nn.Module):
    """dMOTA and dMOTP of the directions, weighted by their activity where the formulas know any."""

    def __init__(self, loss: TrackingLoss) -> None:
        super().__init__()
        self.published = loss.variant == "doa-net"
        self.loss, self.activity = loss, ActivityLoss("doa-net" if self.published else "plain")

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the terms of TrackingLoss and "activity"."""
        distance = self.loss.metric(truth.directions, estimate.directions)
        known = {} if self.published else {"activity": estimate.activity.sigmoid(), "identity": truth.identity}
        with torch.no_grad():
            association = self.loss.associate(distance, truth.active) > SURE
        activity = self.activity(estimate.activity, association)
        return {**self.loss.terms(distance, truth.active, **known), "activity": activity}


def build_criterion(entry: CriterionEntry, matcher: nn.Module | None) -> Criterion:
    """Build what a suite names; a matcher is needed where the entry names one.

    Example:
        >>> type(build_criterion(CriterionEntry(label="MSE", kind="fixed-order"), None)).__name__
        'FixedOrder'
    """
    if matcher is not None:
        return Tracking(TrackingLoss(matcher, variant=entry.variant, **entry.loss))
    if entry.kind == "permutation-invariant":
        return PermutationInvariant(PermutationInvariantLoss(METRICS[entry.metric]))
    return FixedOrder()
