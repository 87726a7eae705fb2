"""Which sizes, masks and distances problems have, and whether other problems are like them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.batch import full_masks, valid_cells

BINS_PER_OCTAVE = 2  # of distances
RARE = 1e-3  # share of the distances below which a bin counts as empty
OUTSIDE = 0.05  # share of the distances of a batch that must lie outside before they count
SMALL = 0.1  # share of the largest value of the first range below which its least value counts as 0
NEAREST = 2.0**-10  # share of the largest distance below which all distances are in one bin with 0


class Coverage(NamedTuple):
    """What problems are like.

    Fields:
        slots: The fewest and the most existing slots of a side; empty problems do not count.
        masks: Whether any slot is masked.
        distances: Ranges [low, high] of the distances inside the masks, ascending [unit of distance].
    """

    slots: tuple[int, int]
    masks: bool
    distances: tuple[tuple[float, float], ...]


def coverage(distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Coverage:
    """Return what problems are like: distance [b, n, m], masks [b, n] and [b, m].

    Example:
        >>> coverage(torch.tensor([[[1.0, 1.2], [1.2, 40.0]]]))
        Coverage(slots=(2, 2), masks=False, distances=((1.0, 1.2...), (40.0, 40.0)))
    """
    rows, columns = full_masks(distance, row_mask, col_mask)
    counts = torch.cat((rows.sum(1), columns.sum(1)))
    counts = counts[counts > 0]
    inside = distance[valid_cells(rows, columns) & distance.isfinite()].double()
    return Coverage(
        slots=(int(counts.min()), int(counts.max())) if len(counts) else (0, 0),
        masks=not bool(rows.all() and columns.all()),
        distances=tuple(_ranges(inside)),
    )


def outside(
    seen: Coverage, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None
) -> list[str]:
    """Return how a batch differs from problems that were seen: "slots", "masks" and "distances"; empty if it does not.

    Args:
        seen: What those problems were like.
        distance: Float [b, n, m].
        row_mask: Bool [b, n]; None means all True.
        col_mask: Bool [b, m]; None means all True.
    """
    rows, columns = full_masks(distance, row_mask, col_mask)
    counts = torch.cat((rows.sum(1), columns.sum(1)))
    low, high = seen.slots
    found = []
    if bool(((counts > 0) & ((counts < low) | (counts > high))).any()):
        found.append("slots")
    if not seen.masks and not bool(rows.all() and columns.all()):
        found.append("masks")
    inside = distance[valid_cells(rows, columns) & distance.isfinite()]
    if len(inside) and float(_within(inside, seen.distances).double().mean()) < 1 - OUTSIDE:
        found.append("distances")
    return found


def _within(values: Tensor, ranges: Sequence[tuple[float, float]]) -> Tensor:
    """Return which values lie in a range, widened by a bin on either side."""
    slack = 2 ** (1 / BINS_PER_OCTAVE)
    hits = [
        (values >= low - abs(low) * (1 - 1 / slack)) & (values <= high + abs(high) * (slack - 1))
        for low, high in ranges
    ]
    return torch.stack(hits).any(0) if hits else torch.zeros_like(values, dtype=torch.bool)


def _ranges(values: Tensor) -> list[tuple[float, float]]:
    """Return the ranges of values, float64 [k], that bins of equal ratio fill without a gap; small ones count as 0."""
    if not len(values):
        return []
    if bool((values < 0).any()):
        return [(float(values.min()), float(values.max()))]
    largest = float(values.max())
    if largest == 0:
        return [(0.0, 0.0)]
    octaves = (values.clamp(min=largest * NEAREST) / largest).log2()
    bins = (octaves * BINS_PER_OCTAVE + 1e-9).floor().long()
    bins = bins - bins.min()
    full = torch.bincount(bins).double() / len(values) >= RARE
    edges = torch.nn.functional.pad(full.int(), (1, 1)).diff()
    starts, ends = ((edges == sign).nonzero().flatten().tolist() for sign in (1, -1))
    chosen = [values[(bins >= start) & (bins < end)] for start, end in zip(starts, ends, strict=True)]
    ranges = [(float(part.min()), float(part.max())) for part in chosen]
    return [(0.0 if low < SMALL * high else low, high) for low, high in ranges[:1]] + ranges[1:]
