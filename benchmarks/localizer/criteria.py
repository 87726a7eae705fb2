"""Training criteria: each maps an estimate and the truth to named terms, whose sum is minimised.

All take distances from active references, and the targets of activity and of sound classes from the association:

| kind | association | terms |
| --- | --- | --- |
| fixed-order | output i is slot i | distance, activity, classes |
| permutation-invariant | the best pairing of each frame or scene | distance, activity, classes |
| tracking | output of the matcher | distance, false positives, misses, switches, activity, classes |
| adpit | events of a class to tracks of that class | distance, activity |

Without sound classes there is no term for them. Where there are, a pair costs more, the less probable its class.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Estimate
from benchmarks.localizer.settings import CriterionEntry, Term
from hnetzoo.losses import (
    ActivityLoss,
    ADPITLoss,
    PermutationInvariantLoss,
    TrackingLoss,
    class_distance,
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
        """Return "distance", "activity" and "classes"."""
        squared = (estimate.directions - truth.directions).square().sum(-1)
        association = torch.diag_embed(truth.active)
        return {
            "distance": (squared * truth.active).sum() / truth.active.sum().clamp(min=1),
            "activity": self.activity(estimate.activity, association),
            **sound_terms(estimate, truth, association),
        }


class PermutationInvariant(nn.Module):
    """Like FixedOrder, in the best order of each frame or scene, as the loss has it."""

    def __init__(self, loss: PermutationInvariantLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return "distance", "activity" and "classes"."""
        distance = self.loss.metric(truth.directions, estimate.directions)
        with torch.no_grad():
            association = self.loss.associate(priced(distance, estimate, truth, self.loss.class_cost), truth.active)
        return {
            "distance": self.loss.terms(distance, truth.active, association=association)["distance"],
            "activity": self.activity(estimate.activity, association),
            **sound_terms(estimate, truth, association),
        }


class Tracking(nn.Module):
    """dMOTA and dMOTP of the directions, weighted by activity; the matcher gets chords, the loss squared distances."""

    def __init__(self, loss: TrackingLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the terms of TrackingLoss, "activity" and "classes"."""
        chord = self.loss.metric(truth.directions, estimate.directions)
        association = self.loss.associate(priced(chord, estimate, truth, self.loss.class_cost), truth.active)
        terms = self.loss.terms(
            squared_euclidean_distance(truth.directions, estimate.directions),
            truth.active,
            activity=estimate.activity.sigmoid(),
            identity=truth.identity,
            association=association,
        )
        activity = self.activity(estimate.activity, association)
        return {**terms, "activity": activity, **sound_terms(estimate, truth, association)}


class Published(nn.Module):
    """Like Tracking, with the formulas of doa-net, which have neither activity nor identity nor classes."""

    def __init__(self, loss: TrackingLoss) -> None:
        super().__init__()
        self.loss, self.activity = loss, ActivityLoss("doa-net")

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the terms of TrackingLoss and "activity"."""
        distance = self.loss.metric(truth.directions, estimate.directions)
        association = self.loss.associate(distance, truth.active)
        terms = self.loss.terms(distance, truth.active, association=association)
        return {**terms, "activity": self.activity(estimate.activity, association > ASSOCIATED)}


class ClassWise(nn.Module):
    """ADPIT of a localizer with tracks of every class, in two parts, whose sum is its loss.

    "distance" is the part of classes that have an event in the frame, "activity" that of all others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loss = ADPITLoss()

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return "distance" and "activity"."""
        classes = max(1, estimate.sounds.shape[-1])
        tracks = estimate.directions.view(*estimate.directions.shape[:2], classes, -1, 3)  # [b, t, c, n, 3]
        events = (one_hot(truth.sound, classes) * truth.active.unsqueeze(-1)).any(2)  # [b, t, c]
        existing = events.unsqueeze(-1).expand(tracks.shape[:-1])
        paired = self.loss(truth.directions, tracks, truth.active, existing, reference_class=truth.sound)
        return {
            "distance": paired * events.float().mean(),
            "activity": tracks.square().masked_fill(existing.unsqueeze(-1), 0.0).mean(),
        }


class Weighted(nn.Module):
    """A criterion whose terms have weights."""

    def __init__(self, criterion: Criterion, weights: Mapping[Term, float]) -> None:
        super().__init__()
        self.criterion = criterion
        self.weights = {str(name): weight for name, weight in weights.items()}

    def forward(self, estimate: Estimate, truth: Examples) -> Terms:
        """Return the weighted terms."""
        return {name: self.weights.get(name, 1.0) * term for name, term in self.criterion(estimate, truth).items()}


def priced(distance: Tensor, estimate: Estimate, truth: Examples, class_cost: float) -> Tensor:
    """Return distances [b, t, n, m] with the price of a wrong class, if there are classes."""
    if estimate.sounds.shape[-1] == 0:
        return distance
    probability = estimate.sounds.softmax(-1)
    return class_distance(distance, truth.sound, probability, truth.active, class_cost=class_cost)


def sound_terms(estimate: Estimate, truth: Examples, association: Tensor) -> Terms:
    """Return "classes", if there are any: the cross-entropy of the classes of associated pairs, [b, t, n, m].

    The association is a weight without gradient.
    """
    if estimate.sounds.shape[-1] == 0:
        return {}
    improbable = -estimate.sounds.log_softmax(-1).transpose(-1, -2)  # [b, t, c, m]
    index = truth.sound.unsqueeze(-1).expand(*truth.sound.shape, improbable.shape[-1])
    weight = association.detach().to(improbable.dtype)
    return {"classes": (weight * improbable.gather(2, index)).sum() / weight.sum().clamp(min=1)}


def build_criterion(entry: CriterionEntry, matcher: nn.Module | None) -> Criterion:
    """Return the criterion of an entry; a matcher is needed if the entry names one.

    Example:
        >>> type(build_criterion(CriterionEntry(label="MSE", kind="fixed-order"), None).criterion).__name__
        'FixedOrder'
    """
    return Weighted(_criterion(entry, matcher), entry.weights)


def _criterion(entry: CriterionEntry, matcher: nn.Module | None) -> Criterion:
    if matcher is not None:
        loss = TrackingLoss(matcher, variant=entry.variant, class_cost=entry.class_cost)
        return Published(loss) if entry.variant == "doa-net" else Tracking(loss)
    if entry.kind == "permutation-invariant":
        return PermutationInvariant(
            PermutationInvariantLoss(level=entry.level, switch_cost=entry.switch_cost, class_cost=entry.class_cost)
        )
    return ClassWise() if entry.kind == "adpit" else FixedOrder()
