"""The contracts between datasets, models and trainers.

Conventions, package-wide: `b` problems, `n` references (rows), `m` predictions (columns), always in this order. A mask
says "this slot exists", never "this source is active". Values outside the masks may be anything, NaN included, and
must not change any answer inside.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class AssociationBatch(NamedTuple):
    """Association problems and their true associations.

    Fields:
        distance: float32 [b, n, m]; the unit is the dataset's.
        association: bool [b, n, m], at most one True per row and per column.
        row_mask: bool [b, n], True where the slot exists in this problem.
        col_mask: bool [b, m], likewise.

    Example:
        >>> batch = AssociationBatch.with_full_masks(torch.rand(5, 2, 3), torch.zeros(5, 2, 3, dtype=torch.bool))
        >>> batch.row_mask.shape, len(batch.select(torch.tensor([0, 4])).distance)
        (torch.Size([5, 2]), 2)
    """

    distance: Tensor
    association: Tensor
    row_mask: Tensor
    col_mask: Tensor

    @classmethod
    def with_full_masks(cls, distance: Tensor, association: Tensor) -> "AssociationBatch":
        """Build a batch in which every slot exists: distance [b, n, m], association [b, n, m]."""
        b, n, m = distance.shape
        row_mask = torch.ones(b, n, dtype=torch.bool, device=distance.device)
        return cls(distance, association, row_mask, torch.ones(b, m, dtype=torch.bool, device=distance.device))

    def select(self, index: Tensor | slice) -> "AssociationBatch":
        """Take problems by index, int64 [k] or a slice."""
        return AssociationBatch(*(field[index] for field in self))

    def shuffle_slots(self, generator: torch.Generator) -> "AssociationBatch":
        """Permute the rows and the columns of every problem on its own, so that no answer lies in their order.

        Existing and masked slots are mixed. The generator is one of the CPU.
        """
        b, n, m = self.distance.shape
        rows, columns = (torch.rand(b, size, generator=generator).argsort(1) for size in (n, m))
        rows, columns = rows.to(self.distance.device), columns.to(self.distance.device)
        problem = torch.arange(b, device=rows.device).unsqueeze(1)
        cells = problem.unsqueeze(2), rows.unsqueeze(2), columns.unsqueeze(1)
        distance, association = self.distance[cells], self.association[cells]
        return AssociationBatch(distance, association, self.row_mask[problem, rows], self.col_mask[problem, columns])

    def to(self, device: torch.device | str) -> "AssociationBatch":
        """Move every tensor to a device."""
        return AssociationBatch(*(field.to(device) for field in self))

    @property
    def cells(self) -> Tensor:
        """Bool [b, n, m], True where both slots exist."""
        return valid_cells(self.row_mask, self.col_mask)


class Optimization(NamedTuple):
    """What `Trainer.configure` returns; the scheduler is stepped after every optimiser step."""

    optimizer: Optimizer
    scheduler: LRScheduler | None = None


@runtime_checkable
class Model(Protocol):
    """An association model: an `nn.Module` built as `target(config, shape)`, shape = (n, m) of the problems."""

    def __call__(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Return association logits: finite float [b, n, m], before the sigmoid; None masks are all True."""


@runtime_checkable
class Dataset(Protocol):
    """A source of problems, built as `target(config)`.

    A dataset may also define `activity(split, seed) -> (rows, columns)`, bool [b, n] and [b, m]: which slots hold a
    source. Models never see it; reports are split by it. Without it the masks stand for activity.
    """

    unit: str
    """The unit of the distances, for people."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m) of every problem, masked slots included."""

    def load(self, split: Split, seed: int) -> AssociationBatch:
        """Return a whole split as CPU tensors; the same split and seed give the same bits."""


@runtime_checkable
class Trainer(Protocol):
    """Losses and optimiser, built as `target(config)`; the core owns the loop.

    A trainer may also define `prepare(training)`, which is handed the whole training split once before the first step.
    """

    def losses(self, model: Any, batch: AssociationBatch) -> Mapping[str, Tensor]:
        """Return named scalar terms; their sum is minimised."""

    def configure(self, model: Any, total_steps: int) -> Optimization:
        """Return the optimiser and, if any, a scheduler made for `total_steps` optimiser steps."""


def valid_cells(row_mask: Tensor, col_mask: Tensor) -> Tensor:
    """Combine masks: bool [b, n] and bool [b, m] -> bool [b, n, m]."""
    return row_mask.unsqueeze(-1) & col_mask.unsqueeze(-2)


def full_masks(distance: Tensor, row_mask: Tensor | None, col_mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """Replace absent masks of distance [b, n, m] by all-True ones: bool [b, n] and bool [b, m]."""
    b, n, m = distance.shape
    if row_mask is None:
        row_mask = torch.ones(b, n, dtype=torch.bool, device=distance.device)
    if col_mask is None:
        col_mask = torch.ones(b, m, dtype=torch.bool, device=distance.device)
    return row_mask, col_mask
