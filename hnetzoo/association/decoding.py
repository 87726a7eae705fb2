"""Decoding of logits into hard associations. Conventions as in `hnetzoo.association.batch`."""

from typing import Literal

from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import full_masks, valid_cells
from hnetzoo.association.masking import check_problem_shapes, checks_values
from hnetzoo.errors import ConfigError, DataError

DecodingMethod = Literal["threshold", "one-to-one"]
LARGEST_GAIN = 1e9  # limit of the log-odds of a pair, so that an infinite one does not round away the others


def decode(
    logits: Tensor,
    row_mask: Tensor | None = None,
    col_mask: Tensor | None = None,
    *,
    method: DecodingMethod = "threshold",
) -> Tensor:
    """Return the hard associations of association logits.

    Args:
        logits: Float [b, n, m] or [n, m], before the sigmoid.
        row_mask: Bool [b, n] or [n]; None means all True.
        col_mask: Bool [b, m] or [m]; None means all True.
        method: "threshold" takes every pair of probability above 0.5, so a row may hold several; "one-to-one" takes
            the assignment of largest total log-odds among these pairs.

    Returns:
        Bool of the shape of logits; False outside the masks.

    Raises:
        ShapeError: If logits or a mask have another shape.
        ConfigError: If the method is unknown.
        DataError: If logits inside the masks are NaN.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[3.0, 2.5], [1.0, -1.0]])
        >>> decode(logits).int().tolist(), decode(logits, method="one-to-one").int().tolist()
        ([[1, 1], [1, 0]], [[0, 1], [1, 0]])
    """
    if method not in ("threshold", "one-to-one"):
        raise ConfigError(f"unknown decoding method {method!r}; choose 'threshold' or 'one-to-one'")
    if logits.ndim == 2:
        masks = (None if mask is None else mask.unsqueeze(0) for mask in (row_mask, col_mask))
        return decode(logits.unsqueeze(0), *masks, method=method).squeeze(0)
    check_problem_shapes(logits, row_mask, col_mask)
    valid = valid_cells(*full_masks(logits, row_mask, col_mask))
    if checks_values():
        check_logits(logits, valid)
    likely = valid & (logits > 0)
    if method == "threshold":
        return likely
    gain = logits.double().clamp(0, LARGEST_GAIN).masked_fill(~likely, 0.0)
    return assign(-gain, row_mask, col_mask) & likely


def check_logits(logits: Tensor, valid: Tensor) -> None:
    """Raise DataError naming the first NaN among logits, float [b, n, m], at the valid entries, bool [b, n, m]."""
    places = (valid & logits.isnan()).nonzero()
    if len(places):
        problem, row, column = places[0].tolist()
        raise DataError(
            f"the logit is NaN at problem {problem}, row {row}, column {column}; a model must return numbers: "
            "look for 0/0 or inf - inf in it, or for distances that it was not made for"
        )
