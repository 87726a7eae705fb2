"""The base class of association models, which cleans their inputs and fills their outputs."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from hnetzoo.association.masking import IMPOSSIBLE, allowed_pairs
from hnetzoo.errors import DataError

LARGEST_HALF = 1e4
"""Largest float16 distance, to which larger ones are clamped: float16 ends at 65504, and values computed from distances
must stay finite."""


class AssociationModel(nn.Module, ABC):
    """Base class of models that handles masks and forbidden pairs for them.

    A subclass implements `logits(distance, allowed)`. Values outside the masks, +inf and NaN never reach it, and
    what it returns for impossible pairs is replaced. Models need not derive from this class.

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
            distance: Float [b, n, m], in the unit that the model was made for; +inf forbids a pair.
            row_mask: Bool [b, n], True where the slot exists; None means all True.
            col_mask: Bool [b, m], likewise.

        Returns:
            Float [b, n, m], before the sigmoid; -100 for impossible pairs.

        Raises:
            ShapeError: If the shapes do not fit, or the model has another fixed size.
            DataError: If distance is not floating-point, or is NaN or -inf inside the masks.
        """
        clean, allowed = self.clean(distance, row_mask, col_mask)
        if distance.numel() == 0:
            return clean
        return self.fill(self.logits(clean, allowed), allowed, distance.dtype)

    @abstractmethod
    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the logits of clean problems.

        Args:
            distance: Finite float [b, n, m]; 0 for impossible pairs.
            allowed: Bool [b, n, m], True for possible pairs.

        Returns:
            Float [b, n, m]; any value for impossible pairs.
        """

    @staticmethod
    def clean(distance: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return finite distances, 0 for impossible pairs, and which pairs are possible; both [b, n, m]."""
        if not distance.is_floating_point():
            raise DataError(f"distance is of {distance.dtype}; models take floats: pass distance.float()")
        allowed = allowed_pairs(distance, row_mask, col_mask)
        distance = distance.masked_fill(~allowed, 0.0)
        if distance.dtype == torch.float16:
            distance = distance.clamp(-LARGEST_HALF, LARGEST_HALF)
        return distance, allowed

    @staticmethod
    def fill(logits: Tensor, allowed: Tensor, dtype: torch.dtype) -> Tensor:
        """Return logits [..., b, n, m] in the type of the distances, -100 for impossible pairs."""
        return logits.masked_fill(~allowed, IMPOSSIBLE).to(dtype)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside wrappers: DistributedDataParallel, DataParallel and torch.compile.

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
