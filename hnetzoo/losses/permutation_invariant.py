"""Permutation-invariant training: the loss of the best pairing of references and predictions."""

import torch
from torch import Tensor, nn

from hnetzoo.association.assignment import assign
from hnetzoo.errors import ShapeError
from hnetzoo.losses.distances import Metric, masked_distance, squared_euclidean_distance
from hnetzoo.tracking.sequences import full_sequence_masks, within_sequences


class PermutationInvariantLoss(nn.Module):
    """Exact permutation-invariant loss for any number of references and predictions.

    Every frame is matched with as many pairs as possible, at the least total distance. The loss of all frames is::

        (sum of the distances of the pairs + unmatched_cost * unmatched slots) / references.

    Gradients flow through the distances of the chosen pairs, not through the choice.

    Args:
        metric: Distance of a pair.
        unmatched_cost: Cost of an unmatched reference or prediction [unit of the metric]. It has no gradient; it makes
            values comparable if counts differ.

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
        """Return the loss between points.

        Args:
            references: Float [b, t, n, k].
            predictions: Float [b, t, m, k].
            reference_mask: Bool [b, t, n], True where there is a reference; None means all True.
            prediction_mask: Bool [b, t, m]; None means all True.

        Returns:
            A scalar; 0 if no slot exists.

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
        """Return the two parts of the loss, given distances.

        For one matching per sequence, pass the distances summed over its frames, with t = 1.

        Args:
            distance: Float [b, t, n, m], cost of each pair; +inf forbids a pair.
            reference_mask: As in `forward`.
            prediction_mask: As in `forward`.
            association: Bool [b, t, n, m], the result of `associate` on these distances, to solve them only once, or
                on others. None solves these.

        Returns:
            "distance" and "unmatched", scalars whose sum is the loss.

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
        references = reference_mask.sum().clamp(min=1)
        unmatched = reference_mask.sum() + prediction_mask.sum() - 2 * pairs.sum()
        return {
            "distance": distance.masked_fill(~pairs, 0.0).sum() / references,
            "unmatched": self.unmatched_cost * unmatched.to(distance.dtype) / references,
        }

    def associate(
        self, distance: Tensor, reference_mask: Tensor | None = None, prediction_mask: Tensor | None = None
    ) -> Tensor:
        """Return the pairs of least total distance in every frame, as chosen by `hnetzoo.assign`.

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
