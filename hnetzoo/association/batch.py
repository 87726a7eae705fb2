"""Batches of association problems.

Conventions of the whole package: `b` problems, `n` references (rows), `m` predictions (columns), always in this order.
A mask is True where a slot exists, whether or not a source is active in it. Values outside the masks may be anything,
NaN included, and must not change a result inside them.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

Split = Literal["train", "validation", "test"]
"""Names of the splits of a dataset: validation selects, test reports."""
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
"""All splits, in the order of their numbers in files."""
TRUTHS = ("activity", "identity")
"""What a true pair may mean, as `AssociationBatch.truth` numbers it."""
PAIRWISE = ("distance", "association", "probability")  # fields with an entry for every pair
OF_PROBLEMS = ("truth",)  # fields with one entry for each problem
PAIRS_AT_ONCE = 1 << 22  # of a piece; a scan needs some tens of MB for it


class AssociationBatch(NamedTuple):
    """Association problems with their true associations.

    Fields:
        distance: Float32 [b, n, m]; the unit is the dataset's; +inf forbids a pair.
        association: Bool [b, n, m], at most one True per row and per column.
        row_mask: Bool [b, n], True where the slot exists in this problem.
        col_mask: Bool [b, m], likewise.
        row_active: Bool [b, n], True where the slot holds a source; it groups problems in reports, and models never see
            it. None means that every existing slot does.
        col_active: Bool [b, m], likewise.
        row_features: Float [b, n, k], further features of the references; None means none.
        col_features: Float [b, m, k], likewise.
        truth: Int64 [b], what a true pair means, as an index of `TRUTHS`, or -1 for anything else; for the training of
            models that may be told. None means that nothing is said.
        probability: Float32 [b, n, m], how likely each pair is true, in 0..1, where that is known; losses may be taken
            against it in place of the association, which was drawn from it. Models never see it.

    Example:
        >>> batch = AssociationBatch.with_full_masks(torch.rand(5, 2, 3), torch.zeros(5, 2, 3, dtype=torch.bool))
        >>> batch.row_mask.shape, len(batch.select(torch.tensor([0, 4])).distance)
        (torch.Size([5, 2]), 2)
    """

    distance: Tensor
    association: Tensor
    row_mask: Tensor
    col_mask: Tensor
    row_active: Tensor | None = None
    col_active: Tensor | None = None
    row_features: Tensor | None = None
    col_features: Tensor | None = None
    truth: Tensor | None = None
    probability: Tensor | None = None

    @classmethod
    def with_full_masks(cls, distance: Tensor, association: Tensor) -> "AssociationBatch":
        """Return a batch in which every slot exists: distance [b, n, m], association [b, n, m]."""
        return cls(distance, association, *full_masks(distance, None, None))

    @classmethod
    def concatenate(cls, batches: Iterable["AssociationBatch"]) -> "AssociationBatch":
        """Return the problems of several batches with the same optional fields; smaller ones get masked slots."""
        batches = list(batches)
        n, m = (max(batch.distance.shape[axis] for batch in batches) for axis in (1, 2))
        parts = [batch.pad(n, m).tensors for batch in batches]
        return cls(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The fields that are not None, by name."""
        return {name: field for name, field in zip(self._fields, self, strict=True) if field is not None}

    @property
    def problems(self) -> tuple[Tensor, Tensor, Tensor]:
        """What every model is asked: distance, row_mask and col_mask."""
        return self.distance, self.row_mask, self.col_mask

    @property
    def features(self) -> dict[str, Tensor]:
        """What models tagged "features" are asked as well: row_features and col_features, where there are any."""
        return {name: field for name, field in self.tensors.items() if name.endswith("features")}

    def without_features(self) -> "AssociationBatch":
        """Return the batch as models see it that do not take features."""
        return self._replace(row_features=None, col_features=None)

    @property
    def cells(self) -> Tensor:
        """Bool [b, n, m], True where both slots exist."""
        return valid_cells(self.row_mask, self.col_mask)

    @property
    def activity(self) -> tuple[Tensor, Tensor]:
        """Which slots hold a source, bool [b, n] and [b, m]; the masks if the batch has no activity."""
        rows = self.row_mask if self.row_active is None else self.row_active
        return rows, self.col_mask if self.col_active is None else self.col_active

    def map(self, function: Callable[[Tensor], Tensor]) -> "AssociationBatch":
        """Return the batch with a function applied to every field that is not None."""
        return self._replace(**{name: function(field) for name, field in self.tensors.items()})

    def select(self, index: Tensor | slice) -> "AssociationBatch":
        """Return some of the problems, by index int64 [k] or a slice."""
        if isinstance(index, slice):
            return self.map(lambda field: field[index])
        return self.map(lambda field: field.index_select(0, index.to(field.device)))  # faster than field[index]

    def pieces(self) -> Iterator["AssociationBatch"]:
        """Yield consecutive parts, of some four million pairs each, so that a scan of all problems needs little memory.

        Example:
            >>> batch = AssociationBatch.with_full_masks(torch.rand(9, 2, 2), torch.zeros(9, 2, 2, dtype=torch.bool))
            >>> sum(float(piece.distance.double().sum()) for piece in batch.pieces()) < 36
            True
        """
        yield from map(self.select, piece_slices(*self.distance.shape))

    def to(self, device: torch.device | str) -> "AssociationBatch":
        """Return the batch on a device."""
        return self.map(lambda field: field.to(device))

    def clone(self) -> "AssociationBatch":
        """Return a batch that shares no memory with this one."""
        return self.map(torch.clone)

    def pad(self, n: int, m: int) -> "AssociationBatch":
        """Return the batch with at least n rows and m columns; those that are added are masked."""
        rows, columns = (max(0, size - have) for size, have in zip((n, m), self.distance.shape[1:], strict=True))
        fields = self.tensors.items()
        return self._replace(**{name: functional.pad(field, _added(name, rows, columns)) for name, field in fields})

    def compact(self, size: tuple[int, int] | None = None) -> "AssociationBatch":
        """Return the batch with existing slots first, in their order, and without slots that no problem has.

        With a `size`, the first n rows and m columns are kept instead.
        """
        rows, columns = ((~mask).byte().argsort(dim=1, stable=True) for mask in (self.row_mask, self.col_mask))
        n, m = size or (int(mask.sum(1).max()) if mask.numel() else 0 for mask in (self.row_mask, self.col_mask))
        return self._reorder(rows[:, :n], columns[:, :m])

    def shuffle_slots(self, generator: torch.Generator) -> "AssociationBatch":
        """Return the batch with the rows and columns of every problem permuted, so that their order says nothing.

        Masked slots are permuted with the others. The generator must be on the CPU.
        """
        b, n, m = self.distance.shape
        rows, columns = (torch.rand(b, size, generator=generator).argsort(1) for size in (n, m))
        rows, columns = rows.to(self.distance.device), columns.to(self.distance.device)
        return self._reorder(rows, columns)

    def _reorder(self, rows: Tensor, columns: Tensor) -> "AssociationBatch":
        """Return the batch with the given rows, int64 [b, n'], and columns, int64 [b, m'], of every problem."""
        problem = torch.arange(len(self.distance), device=rows.device).unsqueeze(1)
        pairs = problem.unsqueeze(2), rows.unsqueeze(2), columns.unsqueeze(1)
        return self._replace(
            **{
                name: field[pairs if name in PAIRWISE else (problem, _side(name, rows, columns))]
                for name, field in self.tensors.items()
                if name not in OF_PROBLEMS
            }
        )


def _added(name: str, rows: int, columns: int) -> tuple[int, ...]:
    """Return how much to pad a field, as torch.nn.functional.pad takes it."""
    if name in OF_PROBLEMS:
        return ()
    if name in PAIRWISE:
        return 0, columns, 0, rows
    added = rows if name.startswith("row") else columns
    return (0, 0, 0, added) if name.endswith("features") else (0, added)


def _side(name: str, rows: Tensor, columns: Tensor) -> Tensor:
    return rows if name.startswith("row") else columns


def piece_slices(b: int, n: int, m: int) -> Iterator[slice]:
    """Yield slices of b problems of n x m, of at most `PAIRS_AT_ONCE` pairs each, but of one problem at least.

    Example:
        >>> list(piece_slices(3, 2048, 1024))
        [slice(0, 2, None), slice(2, 4, None)]
    """
    step = max(1, PAIRS_AT_ONCE // max(1, n * m))
    return (slice(start, start + step) for start in range(0, b, step))


def valid_cells(row_mask: Tensor, col_mask: Tensor) -> Tensor:
    """Return where both slots exist, bool [b, n, m], of masks [b, n] and [b, m].

    Example:
        >>> valid_cells(torch.tensor([[True, False]]), torch.tensor([[True, True, False]])).int().tolist()
        [[[1, 1, 0], [0, 0, 0]]]
    """
    return row_mask.unsqueeze(-1) & col_mask.unsqueeze(-2)


def full_masks(distance: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the masks of distance [b, n, m], bool [b, n] and bool [b, m]; all True in place of None.

    Example:
        >>> rows, columns = full_masks(torch.zeros(1, 2, 3), torch.tensor([[True, False]]), None)
        >>> rows.tolist(), columns.tolist()
        ([[True, False]], [[True, True, True]])
    """
    b, n, m = distance.shape
    if row_mask is None:
        row_mask = torch.ones(b, n, dtype=torch.bool, device=distance.device)
    if col_mask is None:
        col_mask = torch.ones(b, m, dtype=torch.bool, device=distance.device)
    return row_mask, col_mask
