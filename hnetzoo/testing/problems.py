"""Small problems to try models on, in order of size, and how a problem is shown in a failure."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import AssociationBatch, full_masks, valid_cells

SQUARE = ((2, 2), (3, 3), (4, 4))  # sizes that every model must accept, also one of fixed size
UNEVEN = ((1, 2), (2, 1), (1, 4), (5, 3), (6, 6))  # further sizes of masked problems
RECTANGULAR = ((1, 2), (2, 1), (2, 3), (3, 2), (5, 2))
EMPTY = ((0, 0), (0, 2), (2, 0), (3, 0))
LARGEST_DISTANCE = 2.0  # distances are drawn from [0, 2), the range of chords
SHOWN_DIGITS = 6
LARGEST_SHOWN = 100  # distances of a problem that is written out as text


@dataclass(frozen=True, eq=False)
class Problem:
    """One problem as given to a model: distance float [n, m], masks bool [n] and [m] or None; `place` is its origin.

    Example:
        >>> print(Problem(torch.tensor([[0.5, torch.nan]]), col_mask=torch.tensor([True, False])))
        distance [[0.5, 'nan']], col_mask [True, False]
    """

    distance: Tensor
    row_mask: Tensor | None = None
    col_mask: Tensor | None = None
    place: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values; NaN and infinities are written as text."""
        masks = (("row_mask", self.row_mask), ("col_mask", self.col_mask))
        document: dict[str, Any] = {"place": self.place} if self.place else {}
        document["distance"] = [[_plain(value) for value in row] for row in self.distance.detach().tolist()]
        return document | {name: mask.tolist() for name, mask in masks if mask is not None}

    def __str__(self) -> str:
        if self.distance.numel() > LARGEST_SHOWN:
            return f"distance of {list(self.distance.shape)}, in full with --json"
        return ", ".join(f"{name} {value}" for name, value in self.to_json().items())


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of a model: distance float [b, n, m]; masks bool [b, n] and [b, m], or None; features, or none."""

    distance: Tensor
    row_mask: Tensor | None = None
    col_mask: Tensor | None = None
    features: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def cells(self) -> Tensor:
        """Bool [b, n, m], True where both slots exist."""
        return valid_cells(*full_masks(self.distance, self.row_mask, self.col_mask))

    def problem(self, index: int = 0) -> Problem | None:
        """Return one problem, to be shown in a failure; None if the batch is empty."""
        if not len(self.distance):
            return None
        row_mask, col_mask = (None if mask is None else mask[index] for mask in (self.row_mask, self.col_mask))
        return Problem(self.distance[index], row_mask, col_mask)

    def fill(self, value: float) -> "Inputs":
        """Return inputs with a value in place of the distances outside the masks."""
        return replace(self, distance=self.distance.masked_fill(~self.cells, value))

    def clone(self) -> "Inputs":
        """Return inputs with copies of all tensors."""
        row_mask, col_mask = (None if mask is None else mask.clone() for mask in (self.row_mask, self.col_mask))
        features = {name: given.clone() for name, given in self.features.items()}
        return Inputs(self.distance.clone(), row_mask, col_mask, features)

    def with_features(self, count: int) -> "Inputs":
        """Return inputs with random features in [0.1, 1.1), [b, n, count] and [b, m, count]."""
        b, n, m = self.distance.shape
        generator = _generator((n, m))
        sides = (("row_features", n), ("col_features", m))
        drawn = {name: 0.1 + torch.rand(b, slots, count, generator=generator) for name, slots in sides}
        return replace(self, features=drawn)


def draw(shape: tuple[int, int], problems: int = 4) -> Inputs:
    """Return random problems without masks; the same shape gives the same problems."""
    return Inputs(LARGEST_DISTANCE * torch.rand(problems, *shape, generator=_generator(shape)))


def draw_masked(shape: tuple[int, int]) -> Inputs:
    """Return 4 problems in which the first or the last slots of one or both sides are masked, but no only slot."""
    n, m = shape
    row_mask, col_mask = torch.ones(4, n, dtype=torch.bool), torch.ones(4, m, dtype=torch.bool)
    if n > 1:
        row_mask[0, -1] = row_mask[2, 0] = row_mask[3, 0] = False
    if m > 1:
        col_mask[1, -1] = col_mask[2, -1] = col_mask[3, 0] = False
    return Inputs(draw(shape).distance, row_mask, col_mask)


def draw_forbidden(shape: tuple[int, int]) -> Inputs:
    """Return 4 problems without masks, with +inf for one pair, for a row, for a column, and for all pairs."""
    distance = draw(shape).distance
    distance[0, 0, 0] = distance[1, 0] = distance[3] = torch.inf
    distance[2, :, 0] = torch.inf
    return Inputs(distance)


def easy_problems() -> AssociationBatch:
    """Return 32 problems of 3 x 3 slots, some masked, whose true pairs are ten times nearer than all others."""
    generator = _generator((3, 3))
    near, far = (torch.rand(32, 3, 3, generator=generator) for _ in range(2))
    truth = torch.eye(3, dtype=torch.bool).repeat(32, 1, 1)
    masked = torch.arange(32) % 4 == 0
    row_mask = torch.ones(32, 3, dtype=torch.bool)
    row_mask[masked, 2] = False
    distance = torch.where(truth, 0.1 * near, 1.0 + far)
    batch = AssociationBatch(distance, truth & row_mask.unsqueeze(2), row_mask, torch.ones(32, 3, dtype=torch.bool))
    return batch.shuffle_slots(generator)


def paired(inputs: Inputs) -> AssociationBatch:
    """Return problems whose truth is their exact assignment."""
    row_mask, col_mask = full_masks(inputs.distance, inputs.row_mask, inputs.col_mask)
    truth = assign(inputs.distance, row_mask, col_mask)
    return AssociationBatch(inputs.distance.clone(), truth, row_mask, col_mask)


def full_problems() -> AssociationBatch:
    """Return the easy problems with every optional field: active slots and features."""
    batch = easy_problems()
    features = Inputs(batch.distance).with_features(2).features
    return batch._replace(row_active=batch.row_mask.clone(), col_active=batch.col_mask.clone(), **features)


def flat_problems() -> Iterator[Inputs]:
    """Yield problems with ties and of other scales: distances all zero, all equal, very small, very large."""
    for value in (0.0, 1.0):
        yield Inputs(torch.full((2, 2, 2), value))
    for scale in (1e-4, 1e3):
        yield Inputs(scale * draw((3, 3)).distance)


def _generator(shape: tuple[int, int]) -> torch.Generator:
    return torch.Generator().manual_seed(100 * shape[0] + shape[1])


def _plain(value: float) -> float | str:
    return round(value, SHOWN_DIGITS) if math.isfinite(value) else str(value)
