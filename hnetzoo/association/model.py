"""The base class of association models, which cleans their inputs and fills their outputs."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hnetzoo.association.batch import full_masks
from hnetzoo.association.masking import IMPOSSIBLE, allowed_pairs, checks_values
from hnetzoo.errors import DataError, ShapeError

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
            DataError: If distance is not floating-point, or is NaN or -inf inside the masks, or anything is no tensor.
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
        for name, value in (("distance", distance), ("row_mask", row_mask), ("col_mask", col_mask)):
            if value is not None and not isinstance(value, Tensor):
                raise DataError(f"{name} is {_described(name, value)}")
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


class FeatureModel(AssociationModel):
    """Base class of models tagged "features", which handles masks and forbidden pairs as `AssociationModel` does.

    A subclass sets `feature_count` and implements `logits(distance, allowed, row_features, col_features)`. Values
    outside the masks never reach it. It must answer without features too.

    Example:
        >>> class Near(FeatureModel):
        ...     feature_count = 2
        ...     def logits(self, distance, allowed, row_features=None, col_features=None):
        ...         apart = 0.0 if row_features is None else torch.cdist(row_features, col_features)
        ...         return 1.0 - distance - apart
        >>> Near()(torch.zeros(1, 1, 1), row_features=torch.zeros(1, 1, 2), col_features=torch.ones(1, 1, 2))
        tensor([[[-0.4142]]])
    """

    feature_count: int
    """Features of a slot, k."""

    def forward(
        self,
        distance: Tensor,
        row_mask: Tensor | None = None,
        col_mask: Tensor | None = None,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        """Return association logits, as in `AssociationModel`, given features as well.

        Args:
            distance: Float [b, n, m].
            row_mask: Bool [b, n].
            col_mask: Bool [b, m].
            row_features: Float [b, n, k]; None, like the columns', means that nothing but distances is known.
            col_features: Float [b, m, k].

        Raises:
            ShapeError: If the shapes do not fit, or one side has features and the other has not.
            DataError: If a feature inside the masks is not finite.
        """
        clean, allowed = self.clean(distance, row_mask, col_mask)
        if distance.numel() == 0:
            return clean
        rows, columns = full_masks(distance, row_mask, col_mask)
        if (row_features is None) != (col_features is None):
            raise ShapeError("only one side has features; give row_features and col_features, or neither")
        of_rows = self._clean_features("row_features", row_features, rows)
        of_columns = self._clean_features("col_features", col_features, columns)
        return self.fill(self.logits(clean, allowed, of_rows, of_columns), allowed, distance.dtype)

    @abstractmethod
    def logits(
        self,
        distance: Tensor,
        allowed: Tensor,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        """Return the logits of clean problems, float [b, n, m]; features are 0 outside the masks, or None."""

    def _clean_features(self, name: str, features: Tensor | None, mask: Tensor) -> Tensor | None:
        """Return features with 0 outside the mask, [b, s, k]."""
        if features is None:
            return None
        expected = (*mask.shape, self.feature_count)
        if features.shape != expected:
            raise ShapeError(f"{name} is {list(features.shape)}; this model takes {list(expected)}")
        clean = features.masked_fill(~mask.unsqueeze(-1), 0.0)
        if checks_values() and not bool(clean.isfinite().all()):
            raise DataError(f"{name} holds a value inside the mask that is not finite; mask the slot or correct it")
        return clean


def _described(name: str, value: object) -> str:
    """Return what arrived in place of a tensor, and what to pass."""
    if isinstance(value, np.ndarray):
        return f"a numpy array; pass torch.from_numpy({name})"
    return f"of type {type(value).__name__}; pass torch.tensor({name})"


class WrappedModel(nn.Module):
    """Base class of modules that pass calls on to a model inside, whose attributes are theirs too.

    Args:
        module: The model, or another wrapper of it.

    Example:
        >>> WrappedModel(nn.Linear(2, 3)).out_features
        3
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name == "module":  # not set yet
                raise
            return getattr(unwrapped(self), name)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside wrappers: DistributedDataParallel, DataParallel, torch.compile, and those of a training.

    Example:
        >>> inner = nn.Linear(2, 2)
        >>> unwrapped(nn.DataParallel(inner)) is inner
        True
    """
    while True:
        known = isinstance(model, WrappedModel | nn.parallel.DistributedDataParallel | nn.DataParallel)
        inner = model.module if known else getattr(model, "_orig_mod", None)
        if not isinstance(inner, nn.Module):
            return model
        model = inner
