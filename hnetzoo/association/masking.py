"""Masks of possible pairs, and softmax and log-odds over these pairs alone.

A pair is possible if both slots exist and its distance is not +inf. Conventions as in `hnetzoo.association.batch`.
Checks that read values synchronize with the device; they can be switched off, and torch.compile and torch.export leave
them out. Without these checks, a NaN counts as an impossible pair.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

from hnetzoo.association.batch import full_masks, valid_cells
from hnetzoo.errors import DataError, ShapeError

IMPOSSIBLE = -100.0
"""Logit of an impossible pair; its probability is below 1e-43 in every floating-point type."""
ABSENT = -1e4
"""Fills masked entries before a maximum over logits or hidden states: below all of them, and finite in every
floating-point type, so that no gradient is NaN."""
CERTAIN = 20.0
"""Logit of a hard decision: its probability is within 2e-9 of 0 or 1."""

_checked: ContextVar[bool] = ContextVar("checked", default=True)


@contextmanager
def skip_value_checks() -> Iterator[None]:
    """Skip the checks that read values inside a `with` block, for problems that were checked before.

    Example:
        >>> with skip_value_checks():
        ...     allowed_pairs(torch.tensor([[[torch.nan, 1.0]]])).tolist()
        [[[False, True]]]
    """
    token = _checked.set(False)
    try:
        yield
    finally:
        _checked.reset(token)


def checks_values() -> bool:
    """Return whether values are checked: not if switched off, nor under torch.compile or torch.export."""
    return not torch.compiler.is_compiling() and _checked.get()


def may_read(values: Tensor) -> bool:
    """Return whether a choice may depend on values: not in a compiled graph, nor where a device would be waited for."""
    return values.is_cpu and not torch.compiler.is_compiling()


def allowed_pairs(distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
    """Return which pairs are possible: both slots exist, and the distance is not +inf.

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
    finite = (distance < torch.inf) & (distance > -torch.inf)  # in a third of the time of isfinite
    if row_mask is None and col_mask is None:
        valid, allowed = None, finite
    else:
        valid = valid_cells(*full_masks(distance, row_mask, col_mask))
        allowed = valid & finite
    if checks_values() and not bool(finite.all()):
        _refuse_unusable(distance, valid)
    return allowed


def check_problem_shapes(matrix: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> None:
    """Raise ShapeError unless matrix is [b, n, m] and the masks, where given, are bool [b, n] and [b, m].

    Example:
        >>> check_problem_shapes(torch.zeros(5, 2, 3), torch.ones(5, 2, dtype=torch.bool), None)
    """
    if matrix.ndim != 3:
        raise ShapeError(
            f"expected problems of shape [b, n, m], got {list(matrix.shape)}; add a batch axis to one matrix"
        )
    b, n, m = matrix.shape
    for name, mask, expected in (("row_mask", row_mask, (b, n)), ("col_mask", col_mask, (b, m))):
        if mask is not None and (tuple(mask.shape) != expected or mask.dtype != torch.bool):
            found = f"{mask.dtype} {list(mask.shape)}".removeprefix("torch.")
            raise ShapeError(f"{name} is {found}; problems {[b, n, m]} need bool {list(expected)}")


def mask_value(dtype: torch.dtype) -> float:
    """Return the finite number used in place of -infinity in scores of a type; adding to it does not overflow.

    Example:
        >>> mask_value(torch.float32), mask_value(torch.float16)
        (-1e+20, -32752.0)
    """
    return -min(1e20, torch.finfo(dtype).max / 2)


def masked_softmax(scores: Tensor, allowed: Tensor, dim: int = -1) -> Tensor:
    """Return the softmax of scores over the allowed entries.

    Args:
        scores: Float, any shape.
        allowed: Bool, broadcast against scores.
        dim: The axis of the softmax.

    Returns:
        Float of the shape of scores; 0 where not allowed. A slice along dim without an allowed entry is all 0.

    Example:
        >>> masked_softmax(torch.tensor([1.0, 1.0, 9.0]), torch.tensor([True, True, False]))
        tensor([0.5000, 0.5000, 0.0000])
    """
    shares = scores.masked_fill(~allowed, mask_value(scores.dtype)).softmax(dim)
    return shares.masked_fill(~allowed, 0.0)


def log_odds(scores: Tensor, dim: int) -> Tensor:
    """Return the log-odds of each score in a softmax along dim: the score less the logsumexp of the others.

    Args:
        scores: Float, any shape; masked entries hold `mask_value`.
        dim: The axis of the softmax.

    Returns:
        Float of the shape of scores, accurate also where a share is nearly 1.

    Example:
        >>> log_odds(torch.tensor([2.0, 2.0, 0.0]), 0).sigmoid()
        tensor([0.4683, 0.4683, 0.0634])
    """
    return scores - logsumexp_of_others(scores, dim)


def logsumexp_of_others(scores: Tensor, dim: int) -> Tensor:
    """Return for each score the logsumexp of all others along dim; arguments and shape as in `log_odds`.

    For every score but the largest, the share p is at most 1/2, so log(1 - p) is accurate; for the largest, the others
    are summed directly.

    Example:
        >>> logsumexp_of_others(torch.tensor([0.0, 0.0, 0.0]), 0)
        tensor([0.6931, 0.6931, 0.6931])
    """
    lowest = mask_value(scores.dtype)
    largest = torch.zeros_like(scores, dtype=torch.bool).scatter(dim, scores.argmax(dim, keepdim=True), True)
    total = scores.logsumexp(dim, keepdim=True)
    rest = scores.masked_fill(largest, lowest).logsumexp(dim, keepdim=True)
    share = (scores - total).masked_fill(largest, lowest).exp()
    return torch.where(largest, rest, total + torch.log1p(-share))


def compress_logits(logits: Tensor) -> Tensor:
    """Return logits, float of any shape, that grow logarithmically beyond +-20.

    There the probability is within 2e-9 of 0 or 1; the order of logits is kept, and gradients stay finite and positive.

    Example:
        >>> compress_logits(torch.tensor([5.0, 20.0, 1e6, -1e6]))
        tensor([  5.0000,  20.0000,  33.8155, -33.8155])
    """
    excess = (logits.abs() - CERTAIN).clamp(0.0, -mask_value(logits.dtype))
    return logits.clamp(-CERTAIN, CERTAIN) + logits.sign() * excess.log1p()


def _refuse_unusable(distance: Tensor, valid: Tensor | None) -> None:
    """Raise DataError for the first NaN or -inf among the valid entries; +inf is fine."""
    unusable = distance.isnan() | distance.isneginf()
    places = (unusable if valid is None else valid & unusable).nonzero()
    if not len(places):
        return
    problem, row, column = places[0].tolist()
    raise DataError(
        f"distance is {distance[problem, row, column].item()} at problem {problem}, row {row}, column {column}; "
        "distances inside the masks must be numbers (+inf forbids a pair): correct the value or mask the slot"
    )
