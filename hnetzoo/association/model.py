"""The base class of association models: inputs cleaned and outputs filled in one place."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hnetzoo.association.masking import IMPOSSIBLE, allowed_pairs
from hnetzoo.errors import DataError

LARGEST_HALF = 1e4
"""float16 ends at 65504; distances beyond this one are taken for it there, so that what is computed stays finite."""


class AssociationModel(nn.Module, ABC):
    """A model that is handed clean distances, whatever was given.

    A subclass writes `logits(distance, allowed)`. What stands outside the masks, +inf and NaN never reach it, and what
    it returns for pairs that cannot be made is replaced. Models may also do without this class.

    Example:
        >>> class Near(AssociationModel):
        ...     def logits(self, distance, allowed):
        ...         return 1.0 - distance
        >>> Near()(torch.tensor([[[0.5, torch.inf], [3.0, 0.0]]])).tolist()
        [[[0.5, -100.0], [-2.0, 1.0]]]
    """

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Return association logits.

        Args:
            distance: Float [b, n, m], in the unit that the model is for; +inf forbids a pair.
            row_mask: Bool [b, n], True where the slot exists; None means all True.
            col_mask: Bool [b, m], likewise.

        Returns:
            Float [b, n, m], before the sigmoid; -100 where no pair can be made.

        Raises:
            ShapeError: If the shapes do not fit, or the model is for another size.
            DataError: If distance is not of floats, or NaN or -inf inside the masks.
        """
        clean, allowed = self.clean(distance, row_mask, col_mask)
        if distance.numel() == 0:
            return clean
        return self.fill(self.logits(clean, allowed), allowed, distance.dtype)

    @abstractmethod
    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the logits of clean problems.

        Args:
            distance: Finite float [b, n, m]; 0 where no pair can be made.
            allowed: Bool [b, n, m], True where a pair can be made.

        Returns:
            Float [b, n, m]; anything where no pair can be made.
        """

    @staticmethod
    def clean(distance: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return finite distances, 0 where no pair can be made, and where pairs can be made: [b, n, m] both."""
        if not distance.is_floating_point():
            raise DataError(f"distance is of {distance.dtype}; models take floats: hand over distance.float()")
        allowed = allowed_pairs(distance, row_mask, col_mask)
        distance = distance.masked_fill(~allowed, 0.0)
        if distance.dtype == torch.float16:
            distance = distance.clamp(-LARGEST_HALF, LARGEST_HALF)
        return distance, allowed

    @staticmethod
    def fill(logits: Tensor, allowed: Tensor, dtype: torch.dtype) -> Tensor:
        """Return logits [..., b, n, m] in the type of the distances, -100 where no pair can be made."""
        return logits.masked_fill(~allowed, IMPOSSIBLE).to(dtype)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside DistributedDataParallel and torch.compile, whose attributes those hide.

    Example:
        >>> inner = nn.Linear(2, 2)
        >>> unwrapped(nn.DataParallel(inner)) is inner
        True
    """
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.parallel.DistributedDataParallel | nn.DataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner
