"""The scale of a problem's distances, in units of which temperatures are given."""

import torch
from torch import Tensor

LEAST_SCALE = 1e-30  # smaller mean distances are as good as 0: gradients of quotients by them would overflow
NEGLIGIBLE = 1e-6  # reduced costs below this share of the largest are rounding, and no part of the scale


def problem_scale(reduced: Tensor, allowed: Tensor) -> Tensor:
    """Return the geometric mean of the positive reduced costs of allowed pairs, [b, 1, 1]; 1 where all are 0.

    Args:
        reduced: Costs less what a row and a column pay at least, float [b, n, m], at least 0.
        allowed: Bool [b, n, m].

    Example:
        >>> problem_scale(torch.tensor([[[0.0, 1.0], [4.0, 0.0]]]), torch.ones(1, 2, 2, dtype=torch.bool)).item()
        2.0
    """
    reduced = reduced.masked_fill(~allowed, 0.0)
    positive = reduced > NEGLIGIBLE * reduced.amax((1, 2), keepdim=True)
    logs = torch.where(positive, reduced, 1.0).log()
    return (logs.sum((1, 2), keepdim=True) / positive.sum((1, 2), keepdim=True).clamp(min=1)).exp()


def typical_distance(distance: Tensor, allowed: Tensor) -> Tensor:
    """Return the mean size of the allowed distances, [b, 1, 1]: the scale of transport in training. 1 if below 1e-30.

    In units of `problem_scale`, which is that of the differences that decide, a near tie would be decided as surely as
    any other problem, and no gradient would tell that it is one.

    Args:
        distance: Finite float [b, n, m], any unit.
        allowed: Bool [b, n, m].

    Returns:
        Float [b, 1, 1], in the unit of the distances; gradients pass.

    Example:
        >>> distance = torch.tensor([[[1.0, 3.0], [3.0, 1.0]]])
        >>> typical_distance(distance, torch.ones(1, 2, 2, dtype=torch.bool)).item()
        2.0
    """
    sizes = distance.abs().masked_fill(~allowed, 0.0)
    mean = sizes.sum((1, 2), keepdim=True) / allowed.sum((1, 2), keepdim=True).clamp(min=1)
    return torch.where(mean > LEAST_SCALE, mean, 1.0)
