"""Permutation-invariant training: the loss of the best pairing of references and predictions."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from hnetzoo.association.assignment import assign
from hnetzoo.errors import ConfigError, ShapeError
from hnetzoo.losses.classes import check_class_cost, with_classes
from hnetzoo.losses.distances import Metric, masked_distance, squared_euclidean_distance
from hnetzoo.losses.pairings import associate_sequences, associate_with_switches, count_switches
from hnetzoo.tracking.sequences import full_sequence_masks, within_sequences

Level = Literal["frame", "track"]


class PermutationInvariantLoss(nn.Module):
    """Exact permutation-invariant loss for any number of references and predictions.

    Every frame is matched with as many pairs as possible, at the least total distance. The loss of all frames is::

        (sum of the distances of the pairs + unmatched_cost * unmatched slots + switch_cost * switches) / references.

    Gradients flow through the distances of the chosen pairs, not through the choice. A slot may be paired anew in every
    frame (`level="frame"`), or once for the whole sequence (`level="track"`: track-level, or utterance-level, PIT). In
    between, `switch_cost` charges each frame whose pairing differs from that of the frame before; the minimum over all
    sequences of pairings is exact, and a pairing is kept while one of its slots is empty. With more slots than
    predictions, a source that appears may force a switch: give a source a slot of its own where tracks allow it.

    Args:
        metric: Distance of a pair.
        unmatched_cost: Cost of an unmatched reference or prediction [unit of the metric]. It has no gradient; it makes
            values comparable if counts differ.
        level: "frame" or "track".
        switch_cost: Cost of a change of the pairing between frames [unit of the metric], for level "frame" and up to 6
            slots on either side; 0 pairs frames independently. It has no gradient.
        class_cost: Price of a pair of different classes [unit of the metric], if classes are given: see
            `class_distance`. Infinite forbids such pairs.

    Raises:
        ConfigError: If the level is unknown, a cost is not what it may be, or level "track" is given a switch cost.

    Example:
        >>> references = torch.eye(3)[:2].view(1, 1, 2, 3).expand(1, 4, 2, 3)
        >>> predictions = references.clone()
        >>> predictions[:, 2:] = references[:, 2:].flip(2)  # the tracks are swapped in the second half
        >>> settings = ({}, {"switch_cost": 0.8}, {"level": "track"})
        >>> [round(PermutationInvariantLoss(**kwargs)(references, predictions).item(), 3) for kwargs in settings]
        [0.0, 0.1, 1.0]

    Source: D. Yu, M. Kolbaek, Z.-H. Tan, J. Jensen, ICASSP 2017, and M. Kolbaek, D. Yu, Z.-H. Tan, J. Jensen,
    IEEE/ACM TASLP 2017 (level "track"); solved by assignment or dynamic programming instead of enumeration.
    """

    def __init__(
        self,
        metric: Metric = squared_euclidean_distance,
        *,
        unmatched_cost: float = 0.0,
        level: Level = "frame",
        switch_cost: float = 0.0,
        class_cost: float = math.inf,
    ) -> None:
        super().__init__()
        if level not in ("frame", "track"):
            raise ConfigError(f"unknown level {level!r} of PermutationInvariantLoss; choose 'frame' or 'track'")
        if not 0 <= switch_cost < math.inf:
            raise ConfigError(f"switch_cost is {switch_cost}; it must be a number of at least 0")
        if level == "track" and switch_cost:
            raise ConfigError("level 'track' has one pairing per sequence and takes no switch_cost; choose one of them")
        check_class_cost(class_cost)
        self.metric = metric
        self.unmatched_cost = unmatched_cost
        self.level = level
        self.switch_cost = switch_cost
        self.class_cost = class_cost

    def forward(
        self,
        references: Tensor,
        predictions: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
        *,
        reference_class: Tensor | None = None,
        prediction_class: Tensor | None = None,
    ) -> Tensor:
        """Return the loss between points.

        Args:
            references: Float [b, t, n, k].
            predictions: Float [b, t, m, k].
            reference_mask: Bool [b, t, n], True where there is a reference; None means all True.
            prediction_mask: Bool [b, t, m]; None means all True.
            reference_class: Integer [b, t, n], as in `class_distance`; None means that classes do not matter.
            prediction_class: Integer [b, t, m], or probabilities, float [b, t, m, c].

        Returns:
            A scalar; 0 if no slot exists.

        Raises:
            ShapeError: If the shapes do not fit, or there are too many slots for a switch cost.
            DataError: If a distance inside the masks is NaN, or a class is not among those of the predictions.
            ConfigError: If only one side has classes, or probabilities of classes have an infinite price.
        """
        classes = (reference_class, prediction_class)
        given = (references, predictions, reference_mask, prediction_mask, *classes)
        if torch.compiler.is_compiling():  # as many pairs as there happen to be would break the graph
            return _total(self.terms(self._distance(*given), reference_mask, prediction_mask))
        with torch.no_grad():
            distance = self._distance(*given)
        pairs = self.associate(distance, reference_mask, prediction_mask)
        paid = self._distance(*_pairs_alone(pairs, references, predictions, *classes)).sum()
        return _total(self._parts(paid, pairs, *full_sequence_masks(distance, reference_mask, prediction_mask)))

    def terms(
        self,
        distance: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
        *,
        association: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Return the parts of the loss, given distances.

        Args:
            distance: Float [b, t, n, m], cost of each pair; +inf forbids a pair.
            reference_mask: As in `forward`.
            prediction_mask: As in `forward`.
            association: Bool [b, t, n, m], the result of `associate` on these distances, to solve them only once, or
                on others. None solves these.

        Returns:
            "distance", "unmatched" and "switches", scalars whose sum is the loss.

        Raises:
            ShapeError: As in `forward`.
            DataError: As in `forward`.
        """
        reference_mask, prediction_mask = full_sequence_masks(distance, reference_mask, prediction_mask)
        if association is None:
            pairs = self.associate(distance, reference_mask, prediction_mask)
        else:
            pairs = within_sequences(association, distance, reference_mask, prediction_mask)
            if pairs.dtype != torch.bool:
                raise ShapeError(f"association is {pairs.dtype}; it must be bool, as `associate` returns it")
        return self._parts(distance.masked_fill(~pairs, 0.0).sum(), pairs, reference_mask, prediction_mask)

    def associate(
        self, distance: Tensor, reference_mask: Tensor | None = None, prediction_mask: Tensor | None = None
    ) -> Tensor:
        """Return the pairs of least total distance, of frames or of sequences, as the settings say.

        Args:
            distance: Float [b, t, n, m]; +inf forbids a pair.
            reference_mask: Bool [b, t, n]; None means all True.
            prediction_mask: Bool [b, t, m]; None means all True.

        Returns:
            Bool [b, t, n, m]; for independent frames, a solution of `hnetzoo.assign`.

        Raises:
            ShapeError: If the shapes do not fit, or there are too many slots for a switch cost.
            DataError: If a distance inside the masks is NaN.
        """
        reference_mask, prediction_mask = full_sequence_masks(distance, reference_mask, prediction_mask)
        if self.level == "track":
            return associate_sequences(distance, reference_mask, prediction_mask)
        if self.switch_cost:
            return associate_with_switches(distance, reference_mask, prediction_mask, self.switch_cost)
        return assign(*(x.flatten(0, 1) for x in (distance, reference_mask, prediction_mask))).view(distance.shape)

    def _distance(
        self,
        references: Tensor,
        predictions: Tensor,
        reference_mask: Tensor | None,
        prediction_mask: Tensor | None,
        reference_class: Tensor | None,
        prediction_class: Tensor | None,
    ) -> Tensor:
        distance = masked_distance(self.metric, references, predictions, reference_mask, prediction_mask)
        return with_classes(distance, reference_class, prediction_class, reference_mask, self.class_cost)

    def _parts(self, paid: Tensor, pairs: Tensor, reference_mask: Tensor, prediction_mask: Tensor) -> dict[str, Tensor]:
        """Return the parts of the loss, given the sum of the distances of the pairs."""
        references = reference_mask.sum().clamp(min=1)
        unmatched = reference_mask.sum() + prediction_mask.sum() - 2 * pairs.sum()
        switches = count_switches(pairs).sum() if self.switch_cost else torch.zeros_like(references)
        return {
            "distance": paid / references,
            "unmatched": self.unmatched_cost * unmatched.to(paid.dtype) / references,
            "switches": self.switch_cost * switches.to(paid.dtype) / references,
        }


def _total(parts: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(parts.values())).sum()


def _pairs_alone(
    pairs: Tensor,
    references: Tensor,
    predictions: Tensor,
    reference_class: Tensor | None,
    prediction_class: Tensor | None,
) -> tuple[Tensor, Tensor, None, None, Tensor | None, Tensor | None]:
    """Return the arguments of a sequence with a frame for each of q pairs: points [1, q, 1, k], classes [1, q, 1].

    The gradient passes through them, which are fewer than all that could be paired.
    """
    sequence, frame, row, column = pairs.nonzero(as_tuple=True)

    def taken(values: Tensor, slot: Tensor) -> Tensor:
        return values[sequence, frame, slot].unsqueeze(0).unsqueeze(2)

    return (
        taken(references, row),
        taken(predictions, column),
        None,
        None,
        None if reference_class is None else taken(reference_class, row),
        None if prediction_class is None else taken(prediction_class, column),
    )
