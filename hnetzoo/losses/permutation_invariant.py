"""Permutation-invariant training: the loss of the best pairing of references and predictions."""

import torch
from torch import Tensor, nn

from hnetzoo.association.assignment import assign
from hnetzoo.errors import ShapeError
from hnetzoo.losses.distances import Metric, masked_distance, squared_euclidean_distance
from hnetzoo.tracking.sequences import full_sequence_masks, within_sequences


class PermutationInvariantLoss(nn.Module):
    """Exact permutation-invariant loss for any number of references and predictions.

    In every frame all min(n, m) pairs are made, at the least total distance, and the loss is

        (sum of the distances of the pairs + unmatched_cost * slots left over) / references,

    all frames taken together. Gradients flow through the distances of the chosen pairs, not through the choice.

    Args:
        metric: Distance of a pair.
        unmatched_cost: What a reference or prediction without partner costs [unit of the metric]. It has no gradient;
            it makes values comparable where counts differ.

    Example:
        >>> references = torch.eye(3)[:2].view(1, 1, 2, 3)
        >>> PermutationInvariantLoss()(references, references.flip(2)).item()
        0.0

    Source: D. Yu, M. Kolbaek, Z.-H. Tan, J. Jensen, ICASSP 2017; solved by assignment instead of enumeration.
    """

    def __init__(self, metric: Metric = squared_euclidean_distance, *, unmatched_cost: float = 0.0) -> None:
        super().__init__()
        self.metric = metric
        self.unmatched_cost = unmatched_cost

    def forward(
        self,
        references: Tensor,
        predictions: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss between points.

        Args:
            references: Float [b, t, n, k].
            predictions: Float [b, t, m, k].
            reference_mask: Bool [b, t, n], True where there is a reference; None means all True.
            prediction_mask: Bool [b, t, m]; None means all True.

        Returns:
            A scalar; 0 where nothing is to be paired and nothing is left over.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN.
        """
        distance = masked_distance(self.metric, references, predictions, reference_mask, prediction_mask)
        return torch.stack(list(self.terms(distance, reference_mask, prediction_mask).values())).sum()

    def terms(
        self,
        distance: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
        *,
        association: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the two parts of the loss from distances, float [b, t, n, m]; +inf forbids a pair.

        For one pairing per sequence, hand over the sums over its frames, with t = 1.

        Args:
            distance: What a pair costs.
            reference_mask: As in a call.
            prediction_mask: As in a call.
            association: Bool [b, t, n, m], what `associate` gave: of these distances, to solve them only once, or of
                others. None solves these.

        Returns:
            "distance" and "unmatched", scalars whose sum is the loss.

        Raises:
            ShapeError: As a call.
            DataError: As a call.
        """
        reference_mask, prediction_mask = full_sequence_masks(distance, reference_mask, prediction_mask)
        if association is None:
            pairs = self.associate(distance, reference_mask, prediction_mask)
        else:
            pairs = within_sequences(association, distance, reference_mask, prediction_mask)
            if pairs.dtype != torch.bool:
                raise ShapeError(f"association is {pairs.dtype}; exact pairs are bool, as `associate` gives them")
        references = reference_mask.sum().clamp(min=1)
        left_over = reference_mask.sum() + prediction_mask.sum() - 2 * pairs.sum()
        return {
            "distance": distance.masked_fill(~pairs, 0.0).sum() / references,
            "unmatched": self.unmatched_cost * left_over.to(distance.dtype) / references,
        }

    def associate(
        self, distance: Tensor, reference_mask: Tensor | None = None, prediction_mask: Tensor | None = None
    ) -> Tensor:
        """Pair every frame at the least total distance, as `hnetzoo.assign` does.

        Args:
            distance: Float [b, t, n, m]; +inf forbids a pair.
            reference_mask: Bool [b, t, n]; None means all True.
            prediction_mask: Bool [b, t, m]; None means all True.

        Returns:
            Bool [b, t, n, m].

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN.
        """
        reference_mask, prediction_mask = full_sequence_masks(distance, reference_mask, prediction_mask)
        pairs = assign(distance.flatten(0, 1), reference_mask.flatten(0, 1), prediction_mask.flatten(0, 1))
        return pairs.view(distance.shape)
