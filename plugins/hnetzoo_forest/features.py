"""What the forest sees of a pair: numbers that hold for any unit, size, mask and order of a problem."""

import torch
from torch import Tensor
from torch.nn.functional import pad

import hnetzoo

FEATURES = (
    "distance",
    "distance, in typical distances of the problem",
    "how much nearer than the best other pair of the row",
    "pairs of the row that are nearer",
    "possible pairs of the row",
    "how much nearer than the best other pair of the column",
    "pairs of the column that are nearer",
    "possible pairs of the column",
    "whether the pair is in the exact assignment",
    "mean distance of the other pairs of the exact assignment",
    "how much farther than these",
    "largest distance in the exact assignment",
)
"""Names of the features; distances are in typical distances of the training problems where nothing else is said."""
FARTHEST = 10.0
"""Distance of the best other pair where there is none [typical distances of the training problems]."""
ALONE = -1.0
"""Mean distance of the other pairs of the assignment where there are none."""


def pair_features(distance: Tensor, allowed: Tensor, scale: Tensor) -> Tensor:
    """Return the features of all pairs.

    Args:
        distance: Finite float [b, n, m].
        allowed: Bool [b, n, m]; impossible pairs have no part in the features of others.
        scale: Typical distance of the training problems, float [], in the unit of the distances.

    Returns:
        Float [b, n, m, 12], as `FEATURES` names them; those of impossible pairs mean nothing.

    Example:
        >>> distance = torch.tensor([[[1.0, 3.0]]])
        >>> found = pair_features(distance, torch.ones(1, 1, 2, dtype=torch.bool), torch.tensor(2.0))
        >>> found[0, 0, 0, :5].tolist()
        [0.5, 0.5, 1.0, 0.0, 2.0]
    """
    relative = distance / hnetzoo.typical_distance(distance, allowed)
    distance = distance / scale
    rows, columns = _among_row(distance, allowed), _among_row(distance.mT, allowed.mT).transpose(1, 2)
    own = torch.stack((distance, relative), -1)
    return torch.cat((own, rows, columns, _beside_assignment(distance, allowed)), -1)


def _among_row(distance: Tensor, allowed: Tensor) -> Tensor:
    """Return how each pair compares with the others of its row, [b, n, m, 3]."""
    far = distance.masked_fill(~allowed, torch.inf)
    ordered = far.sort(2).values
    best, second = pad(ordered.clamp(max=FARTHEST), (0, 2), value=FARTHEST)[..., :2].unbind(-1)
    best, second = best.unsqueeze(2), second.unsqueeze(2)  # [b, n, 1]
    margin = torch.where(far <= best, second, best) - distance
    nearer = torch.searchsorted(ordered, far.contiguous()).to(distance.dtype)
    possible = allowed.sum(2, keepdim=True).to(distance.dtype).expand_as(distance)
    return torch.stack((margin, nearer, possible), -1)


def _beside_assignment(distance: Tensor, allowed: Tensor) -> Tensor:
    """Return how each pair compares with the exact assignment, [b, n, m, 4]."""
    assigned = hnetzoo.assign(distance.masked_fill(~allowed, torch.inf))
    matched, pairs = distance.masked_fill(~assigned, 0.0), assigned.to(distance.dtype)
    count = pairs.sum((1, 2), keepdim=True) - pairs
    mean = torch.where(count > 0, (matched.sum((1, 2), keepdim=True) - matched) / count.clamp(min=1), ALONE)
    largest = matched.amax((1, 2), keepdim=True).expand_as(distance)
    return torch.stack((pairs, mean, distance - mean, largest), -1)
