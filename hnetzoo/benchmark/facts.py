"""What problems look like: sizes, masks, distances, ties, and how often simple ways are already right."""

from dataclasses import dataclass

from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.counts import compare


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a split looks like.

    Fields:
        problems: How many there are.
        slots: Rows and columns, the largest of each that exist in one problem.
        masked: Share of slots that do not exist.
        forbidden: Share of existing pairs whose distance is +inf.
        distances: Least, median and largest finite distance.
        ties: Share of problems in which a row or a column holds its least distance twice.
        pairs: True pairs per problem.
        unmatched: Share of existing slots without a true pair.
        optimal: Share of problems whose truth is the exact assignment.
    """

    problems: int
    slots: tuple[int, int]
    masked: float
    forbidden: float
    distances: tuple[float, float, float]
    ties: float
    pairs: float
    unmatched: float
    optimal: float


def facts(batch: AssociationBatch) -> Facts:
    """Return what a split looks like.

    Example:
        >>> import torch
        >>> distance = torch.tensor([[[0.1, 0.9], [0.9, 0.2]]])
        >>> seen = facts(AssociationBatch.with_full_masks(distance, torch.eye(2).bool()[None]))
        >>> seen.slots, seen.pairs, seen.optimal, seen.ties
        ((2, 2), 2.0, 1.0, 0.0)
    """
    cells, masks = batch.cells, (batch.row_mask, batch.col_mask)
    finite = batch.distance[cells & batch.distance.isfinite()].double()
    slots = sum(int(mask.sum()) for mask in masks)
    pairs = int(batch.association.sum())
    exact = compare(assign(batch.distance, *masks), batch).exact
    return Facts(
        problems=len(batch.distance),
        slots=(_largest(masks[0]), _largest(masks[1])),
        masked=1 - slots / max(1, sum(mask.numel() for mask in masks)),
        forbidden=_share(int((cells & batch.distance.isposinf()).sum()), int(cells.sum())),
        distances=(float(finite.min()), float(finite.median()), float(finite.max())) if len(finite) else (0.0,) * 3,
        ties=_share(int(_tied(batch).sum()), len(cells)),
        pairs=_share(pairs, len(cells)),
        unmatched=1 - _share(2 * pairs, slots),
        optimal=_share(int(exact.sum()), len(cells)),
    )


def _largest(mask: Tensor) -> int:
    return int(mask.sum(1).max()) if len(mask) else 0


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _tied(batch: AssociationBatch) -> Tensor:
    """Return which problems hold the least distance of a row or column twice, bool [b]."""
    cost = batch.distance.masked_fill(~batch.cells, float("inf"))
    found = [((cost == cost.amin(axis, keepdim=True)) & cost.isfinite()).sum(axis).amax(1) > 1 for axis in (1, 2)]
    return found[0] | found[1]
