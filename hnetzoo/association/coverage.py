"""Which sizes, masks and distances problems have, and whether other problems are like them."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from hnetzoo.association.batch import full_masks, piece_slices, valid_cells

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
    slots = [_slots(mask[piece].sum(1)) for piece in piece_slices(*distance.shape) for mask in (rows, columns)]
    slots = [found for found in slots if found != (0, 0)]

    def inside() -> Iterator[Tensor]:
        """Yield the distances inside the masks in pieces, since there may be more problems than fit into memory."""
        for piece in piece_slices(*distance.shape):
            part = distance[piece]
            values = part[valid_cells(rows[piece], columns[piece]) & part.isfinite()].double()
            if len(values):
                yield values

    return Coverage(
        slots=(min(low for low, _ in slots), max(high for _, high in slots)) if slots else (0, 0),
        masks=not bool(rows.all() and columns.all()),
        distances=tuple(_ranges(inside)),
    )


def _slots(counts: Tensor) -> tuple[int, int]:
    """Return the least and the largest count that is not 0, of int64 [b]; zeros without any."""
    counts = counts[counts > 0]
    return (int(counts.min()), int(counts.max())) if len(counts) else (0, 0)


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


def _ranges(inside: Callable[[], Iterator[Tensor]]) -> list[tuple[float, float]]:
    """Return the ranges of values that bins of equal ratio fill without a gap; small ones count as 0.

    `inside` yields the values in pieces, float64 [k], each time that it is called.
    """
    extremes = [(float(values.min()), float(values.max())) for values in inside()]
    if not extremes:
        return []
    least, largest = min(low for low, _ in extremes), max(high for _, high in extremes)
    if least < 0:
        return [(least, largest)]
    if largest == 0:
        return [(0.0, 0.0)]
    count, low, high = _bins(inside, largest)
    used = count.nonzero().flatten()
    count, low, high = (part[int(used[0]) :] for part in (count, low, high))
    full = count.double() / count.sum() >= RARE
    edges = torch.nn.functional.pad(full.int(), (1, 1)).diff()
    starts, ends = ((edges == sign).nonzero().flatten().tolist() for sign in (1, -1))
    chosen = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
    ranges = [(float(low[part].min()), float(high[part].max())) for part in chosen]
    return [(0.0 if low < SMALL * high else low, high) for low, high in ranges[:1]] + ranges[1:]


def _bins(inside: Callable[[], Iterator[Tensor]], largest: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return the number of values of each bin, int64 [bins], and the least and largest of them, float64 [bins]."""
    lowest = _bin(torch.tensor(NEAREST, dtype=torch.float64))
    bins = int(_bin(torch.ones((), dtype=torch.float64)) - lowest) + 1
    count = torch.zeros(bins, dtype=torch.int64)
    low, high = torch.full((bins,), torch.inf).double(), torch.full((bins,), -torch.inf).double()
    for values in inside():
        place = _bin(values.clamp(min=largest * NEAREST) / largest) - lowest
        count += torch.bincount(place, minlength=bins)
        low.scatter_reduce_(0, place, values, "amin")
        high.scatter_reduce_(0, place, values, "amax")
    return count, low, high


def _bin(share: Tensor) -> Tensor:
    """Return the bin of a share of the largest distance; that of the largest one is 0."""
    return (share.log2() * BINS_PER_OCTAVE + 1e-9).floor().long()
