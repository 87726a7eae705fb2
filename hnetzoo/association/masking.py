"""Which pairs can be made. Conventions as in `hnetzoo.association.batch`."""

import torch
from torch import Tensor

from hnetzoo.association.batch import full_masks, valid_cells
from hnetzoo.errors import DataError, ShapeError


def allowed_pairs(distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
    """Return which pairs can be made: both slots exist, and the distance is not +inf.

    Args:
        distance: Float [b, n, m], any unit; +inf forbids a pair.
        row_mask: Bool [b, n]; None means all True.
        col_mask: Bool [b, m]; None means all True.

    Returns:
        Bool [b, n, m].

    Raises:
        ShapeError: If distance is not [b, n, m] or a mask does not fit it.
        DataError: If a distance inside the masks is NaN or -inf.

    Example:
        >>> allowed_pairs(torch.tensor([[[1.0, torch.inf], [2.0, 0.5]]]), torch.tensor([[True, False]])).int().tolist()
        [[[1, 0], [0, 0]]]
    """
    check_problem_shapes(distance, row_mask, col_mask)
    valid = valid_cells(*full_masks(distance, row_mask, col_mask))
    unusable = valid & (distance.isnan() | distance.isneginf())
    if unusable.any():
        problem, row, column = unusable.nonzero()[0].tolist()
        value = distance[problem, row, column].item()
        raise DataError(
            f"distance is {value} at problem {problem}, row {row}, column {column}; distances inside the masks must be "
            "numbers (+inf forbids a pair): correct the value or mask the slot"
        )
    return valid & distance.isfinite()


def check_problem_shapes(matrix: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> None:
    """Raise ShapeError unless matrix is [b, n, m] and the masks, where given, are bool [b, n] and [b, m]."""
    if matrix.ndim != 3:
        raise ShapeError(
            f"expected problems of shape [b, n, m], got {list(matrix.shape)}; add a batch axis to one matrix"
        )
    b, n, m = matrix.shape
    for name, mask, expected in (("row_mask", row_mask, (b, n)), ("col_mask", col_mask, (b, m))):
        if mask is not None and (tuple(mask.shape) != expected or mask.dtype != torch.bool):
            found = f"{mask.dtype} {list(mask.shape)}".removeprefix("torch.")
            raise ShapeError(f"{name} is {found}; problems {[b, n, m]} need bool {list(expected)}")
