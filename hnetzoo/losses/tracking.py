"""The loss that trains a localizer or tracker through a differentiable matcher.

Differences from DeepMOT: the matcher's probabilities are scaled down where a row or column sums to more than 1, instead
of a softmax with an extra column; the distance is weighted by the soft association instead of a hard one, so that
uncertain pairs are pulled together as well; switches are counted against the last match of a reference, however long
ago, as in the CLEAR metrics, and never for a reference that was not matched before.
"""

import math
from collections.abc import Mapping
from contextlib import nullcontext
from copy import deepcopy
from typing import Literal

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import valid_cells
from hnetzoo.association.masking import allowed_pairs
from hnetzoo.errors import ConfigError, ShapeError, UnknownNameError
from hnetzoo.losses.classes import check_class_cost, with_classes
from hnetzoo.losses.distances import Metric, chordal_distance, masked_distance
from hnetzoo.losses.doa_net import doa_net_terms
from hnetzoo.tracking.sequences import full_sequence_masks, previous_match, within_sequences

TrackingVariant = Literal["deepmot", "doa-net"]
TERMS = ("false_positives", "misses", "switches", "distance")


class TrackingLoss(nn.Module):
    """Differentiable MOTA and MOTP (dMOTA and dMOTP) of predictions, through any matcher.

    With A the association of the matcher, scaled so that no row or column sums to more than 1, and M the number
    of references in the batch, at least 1::

        misses           sum over references of 1 - their row of A                      / M
        false_positives  sum over predictions of 1 - their column of A                  / M
        switches         sum of A outside the last matched prediction of references     / M
        distance         sum of A times distance                                        / sum of A, at least 1

    The first three add up to 1 - dMOTA, the last is 1 - dMOTP: with a hard A these are exactly 1 - MOTA and the mean
    distance of matched pairs. Nothing is compared across sequences, no gradient is cut off by a threshold, and nothing
    is divided by 0. The last matched prediction of a reference is the one whose entry exceeded 1/2 most recently; this
    choice has no gradient. In "distance", A is a weight without gradient; otherwise the term could be made smaller by
    moving far pairs apart until they no longer count.

    Args:
        matcher: An association model, as `hnetzoo.load_model` returns it. If its size is fixed, it must be n x m.
        metric: Distance between points; the one that the matcher was trained on.
        variant: "deepmot" as above; "doa-net" for the published formulas of `hnetzoo.losses.doa_net`, for comparison.
        weights: Weights of terms by name; 1 for terms not named.
        temperature: Divisor of the matcher's logits. Above 1, the association of a matcher that jumps from one pair to
            another becomes smoother; its gradients become smaller and reach farther.
        train_matcher: False freezes the matcher: the loss keeps a copy in eval mode, whose parameters get no gradient.
            True keeps the matcher itself, to be trained as well; add a loss for it, because with these terms alone it
            would learn to match everything.
        class_cost: Price of a pair of different classes [unit of the metric], if classes are given: see
            `class_distance`. It is part of the distance that the matcher sees. Infinite forbids such pairs.

    Raises:
        UnknownNameError: If a weight names no term.
        ConfigError: If the variant is unknown, the temperature is not positive, or the price is negative.

    Example:
        >>> from hnetzoo import load_model
        >>> loss = TrackingLoss(load_model("hungarian-gated", gate=0.5))
        >>> references = torch.eye(3)[:2].expand(1, 5, 2, 3)  # two sources, at rest for five frames
        >>> [round(loss(references, predictions).item(), 6) for predictions in (references.flip(2), -references)]
        [0.0, 2.0]

    Source: Y. Xu et al., "How to train your deep multi-object tracker", CVPR 2020, section 4.2.
    """

    def __init__(
        self,
        matcher: nn.Module,
        metric: Metric = chordal_distance,
        *,
        variant: TrackingVariant = "deepmot",
        weights: Mapping[str, float] | None = None,
        temperature: float = 1.0,
        train_matcher: bool = False,
        class_cost: float = math.inf,
    ) -> None:
        super().__init__()
        for name in weights or {}:
            if name not in TERMS:
                raise UnknownNameError("term of TrackingLoss", name, TERMS)
        if variant not in ("deepmot", "doa-net"):
            raise ConfigError(f"unknown variant {variant!r} of TrackingLoss; choose 'deepmot' or 'doa-net'")
        if temperature <= 0:
            raise ConfigError(f"temperature is {temperature}; it must be positive")
        check_class_cost(class_cost)
        self.matcher = matcher if train_matcher else deepcopy(matcher).eval().requires_grad_(False)
        self.metric = metric
        self.variant = variant
        self.weights = dict.fromkeys(TERMS, 1.0) | dict(weights or {})
        self.temperature = temperature
        self.train_matcher = train_matcher
        self.class_cost = class_cost

    def train(self, mode: bool = True) -> "TrackingLoss":
        """Return the loss, set to training or eval mode; a frozen matcher stays in eval mode."""
        super().train(mode)
        if not self.train_matcher:
            self.matcher.eval()
        return self

    def forward(
        self,
        references: Tensor,
        predictions: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
        *,
        activity: Tensor | None = None,
        identity: Tensor | None = None,
        reference_class: Tensor | None = None,
        prediction_class: Tensor | None = None,
    ) -> Tensor:
        """Return the loss between points.

        Args:
            references: Float [b, t, n, k]: b sequences of t frames with n slots; a slot is one source.
            predictions: Float [b, t, m, k]; a slot is one track.
            reference_mask: Bool [b, t, n], True where the source is present in the frame; None means all True.
            prediction_mask: Bool [b, t, m], True where the prediction exists; None means all True.
            activity: Float [b, t, m] in [0, 1], the probability that the prediction is active; it weights the
                prediction in all terms. None means 1.
            identity: Integer [b, t, n], the number of the source in the slot, if several sources use it in turn.
            reference_class: Integer [b, t, n], as in `class_distance`; None means that classes do not matter.
            prediction_class: Integer [b, t, m], or probabilities, float [b, t, m, c].

        Returns:
            A scalar, the weighted sum of the terms.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN, or a class is not among those of the predictions.
            ConfigError: If activity or identity is given to the variant "doa-net", which takes neither; if only one
                side has classes, or probabilities of classes have an infinite price.
        """
        distance = masked_distance(self.metric, references, predictions, reference_mask, prediction_mask)
        distance = with_classes(distance, reference_class, prediction_class, reference_mask, self.class_cost)
        terms = self.terms(distance, reference_mask, prediction_mask, activity=activity, identity=identity)
        return torch.stack(list(terms.values())).sum()

    def terms(
        self,
        distance: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
        *,
        activity: Tensor | None = None,
        identity: Tensor | None = None,
        association: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the named, weighted terms, given distances.

        Args:
            distance: Float [b, t, n, m], cost of each associated pair; +inf forbids a pair.
            reference_mask: As in `forward`.
            prediction_mask: As in `forward`.
            activity: As in `forward`.
            identity: As in `forward`.
            association: Float [b, t, n, m] in [0, 1], the result of `associate` on these distances, to run the matcher
                only once, or on others, if the cost is not the distance the matcher was trained on. None runs it.

        Returns:
            "false_positives", "misses", "switches" and "distance", scalars whose sum is the loss.

        Raises:
            ShapeError: As in `forward`.
            DataError: As in `forward`.
            ConfigError: As in `forward`.

        Example:
            >>> from hnetzoo import load_model
            >>> from hnetzoo.losses import squared_euclidean_distance
            >>> loss, points = TrackingLoss(load_model("hungarian")), torch.eye(3).view(1, 1, 3, 3)
            >>> association = loss.associate(chordal_distance(points, points / 2))
            >>> loss.terms(squared_euclidean_distance(points, points / 2), association=association)["distance"].item()
            0.25
        """
        reference_mask, prediction_mask = full_sequence_masks(distance, reference_mask, prediction_mask)
        if activity is not None and activity.shape != prediction_mask.shape:
            expected = list(prediction_mask.shape)
            raise ShapeError(f"activity is {list(activity.shape)}; sequences {list(distance.shape)} need {expected}")
        if self.variant == "doa-net" and not (activity is None and identity is None):
            raise ConfigError("the variant 'doa-net' of TrackingLoss takes neither activity nor identity")
        if association is None:
            probability = self.associate(distance, reference_mask, prediction_mask)
        else:
            probability = within_sequences(association, distance, reference_mask, prediction_mask)
        distance = distance.masked_fill(probability == 0, 0.0)  # 0 * inf of a forbidden pair is NaN
        if self.variant == "doa-net":
            terms = doa_net_terms(probability, distance, reference_mask)
        else:
            present = torch.ones_like(prediction_mask, dtype=distance.dtype) if activity is None else activity
            present = present.masked_fill(~prediction_mask, 0.0)
            terms = _terms(probability, distance, reference_mask, present, identity)
        return {name: self.weights[name] * term for name, term in terms.items()}

    def associate(
        self, distance: Tensor, reference_mask: Tensor | None = None, prediction_mask: Tensor | None = None
    ) -> Tensor:
        """Return the association probabilities of the matcher.

        Args:
            distance: Float [b, t, n, m], in the unit that the matcher was trained on; +inf forbids a pair.
            reference_mask: Bool [b, t, n]; None means all True.
            prediction_mask: Bool [b, t, m]; None means all True.

        Returns:
            Probabilities, float [b, t, n, m]; 0 outside the masks and for forbidden pairs.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN.
        """
        reference_mask, prediction_mask = full_sequence_masks(distance, reference_mask, prediction_mask)
        problems, rows, columns = (x.flatten(0, 1) for x in (distance, reference_mask, prediction_mask))
        allowed = allowed_pairs(problems, rows, columns)
        if distance.numel() == 0:
            return distance
        logits = self._match(problems.masked_fill(~valid_cells(rows, columns), 0.0), rows, columns)
        return torch.sigmoid(logits / self.temperature).masked_fill(~allowed, 0.0).view(distance.shape)

    def _match(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        """Return the matcher's logits [b, n, m] for distances [b, n, m] and their masks."""
        # A frozen matcher is in eval mode, in which cuDNN's recurrent layers have no backward pass. The switch breaks a
        # compiled graph, so the CPU, which needs none, does without it there.
        as_it_is = self.train_matcher or (torch.compiler.is_compiling() and not distance.is_cuda)
        with nullcontext() if as_it_is else torch.backends.cudnn.flags(enabled=False):
            logits: Tensor = self.matcher(distance, row_mask, col_mask)
        return logits


def _terms(
    probability: Tensor, distance: Tensor, reference_mask: Tensor, activity: Tensor, identity: Tensor | None
) -> dict[str, Tensor]:
    """Return the unweighted terms; activity is 0 where no prediction exists."""
    share = _at_most_one(probability)
    made = share * activity.unsqueeze(-2)  # [b, t, n, m], association weighted by activity
    references, matched = reference_mask.sum().clamp(min=1), made.sum()
    last = previous_match(made > 0.5, identity)
    moved = made * (last.any(-1, keepdim=True) & ~last)
    return {
        "false_positives": (activity * (1 - share.sum(-2))).sum() / references,
        "misses": (reference_mask.sum() - matched) / references,
        "switches": moved.sum() / references,
        "distance": (made.detach() * distance).sum() / matched.detach().clamp(min=1),
    }


def _at_most_one(probability: Tensor) -> Tensor:
    """Return each entry divided by the sum of its row or column, whichever is larger, if that exceeds 1."""
    rows, columns = probability.sum(-1, keepdim=True), probability.sum(-2, keepdim=True)
    return probability / torch.maximum(rows, columns).clamp(min=1.0)
