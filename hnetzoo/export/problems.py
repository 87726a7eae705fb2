"""The problems on which an exported model must answer as the model itself: sizes, masks, forbidden pairs and ties."""

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch, full_masks

SIZES = (1, 2, 3, 5, 8, 32)
BATCHES = (1, 2, 7)
LARGEST_DISTANCE = 2.0  # distances are drawn from [0, 2), the range of chords
STEP = 0.25  # between distances of problems with ties

Problem = tuple[Tensor, Tensor, Tensor]
"""Distance float [n, m] and its masks, bool [n] and [m], all to be changed in place."""


def grid(shape: tuple[int, int] | None = None, feature_count: int | None = None) -> Iterator[AssociationBatch]:
    """Yield batches of 1, 2 and 7 problems of every size; the true associations are empty.

    The ten kinds of problems are shared out anew for every size, so that each is also alone in a batch. Values outside
    the masks are NaN.

    Args:
        shape: (n, m) of the only problems that a model takes; None means all of `SIZES`.
        feature_count: Features of a slot, for a model that takes them.

    Example:
        >>> batches = list(grid((2, 3)))
        >>> len(batches), batches[0].distance.shape
        (30, torch.Size([1, 2, 3]))
    """
    sizes = [shape] * len(KINDS) if shape else list(product(SIZES, SIZES))
    for turn, (n, m) in enumerate(sizes):
        generator = torch.Generator().manual_seed(turn)
        kinds = [KINDS[(turn + place) % len(KINDS)] for place in range(len(KINDS))]
        for b in BATCHES:
            chosen, kinds = kinds[:b], kinds[b:]
            yield _draw(chosen, n, m, feature_count, generator)


def example(shape: tuple[int, int] | None, feature_count: int | None) -> AssociationBatch:
    """Return a batch of two problems to trace a model with; no size is 1, and none is another's."""
    n, m = shape or (3, 5)
    return _draw([_plain, _plain], n, m, feature_count, torch.Generator().manual_seed(0))


def feature_count_of(model: nn.Module) -> int | None:
    """Return how many features of a slot a model takes; None for models that see distances alone."""
    count = getattr(model, "feature_count", None)
    return count if isinstance(count, int) else None


def _draw(
    kinds: list[Callable[..., None]], n: int, m: int, feature_count: int | None, generator: torch.Generator
) -> AssociationBatch:
    b = len(kinds)
    distance = LARGEST_DISTANCE * torch.rand(b, n, m, generator=generator)
    row_mask, col_mask = full_masks(distance, None, None)
    for kind, *problem in zip(kinds, distance, row_mask, col_mask, strict=True):
        kind(*problem)
    features = {}
    if feature_count is not None:
        drawn = (0.1 + torch.rand(b, slots, feature_count, generator=generator) for slots in (n, m))
        features = dict(zip(("row_features", "col_features"), drawn, strict=True))
    truth = torch.zeros_like(distance, dtype=torch.bool)
    batch = AssociationBatch(distance, truth, row_mask, col_mask, **features)
    return batch._replace(distance=distance.masked_fill(~batch.cells, torch.nan))


def _plain(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    pass


def _last_row_masked(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    row_mask[-1] = False


def _first_column_masked(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    col_mask[0] = False


def _half_masked(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    row_mask[: len(row_mask) // 2] = False
    col_mask[-(len(col_mask) // 2) :] = len(col_mask) == 1


def _nothing_exists(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    row_mask.fill_(False)


def _pair_forbidden(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    distance[0, -1] = torch.inf


def _slots_forbidden(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    distance[-1] = torch.inf
    distance[:, 0] = torch.inf
    row_mask[0] = False


def _all_forbidden(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    distance.fill_(torch.inf)


def _all_equal(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    distance.fill_(1.0)


def _some_equal(distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> None:
    distance.copy_((distance / STEP).round() * STEP)
    distance[:, -1] = distance[:, 0]


KINDS: tuple[Callable[..., None], ...] = (
    _plain,
    _last_row_masked,
    _pair_forbidden,
    _some_equal,
    _half_masked,
    _first_column_masked,
    _slots_forbidden,
    _nothing_exists,
    _all_equal,
    _all_forbidden,
)
