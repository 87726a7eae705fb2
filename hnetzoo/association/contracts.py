"""What models, datasets and trainers must offer. Conventions as in `hnetzoo.association.batch`."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hnetzoo.association.batch import AssociationBatch, Split


class Optimization(NamedTuple):
    """What `Trainer.configure` returns: what changes the weights after every batch.

    Fields:
        optimizer: Is stepped after every batch.
        scheduler: Is stepped after it; None keeps the rate.
        largest_gradient: Norm that the gradients of a step are clipped to; None leaves them as they are.
    """

    optimizer: Optimizer
    scheduler: LRScheduler | None = None
    largest_gradient: float | None = None

    def step(self) -> None:
        """Clip the gradients, and step the optimiser and the scheduler."""
        self.clip()
        self.optimizer.step()
        if self.scheduler is not None:
            self.scheduler.step()

    def clip(self) -> None:
        """Clip the gradients; with a GradScaler, after they have been unscaled and before its step."""
        if self.largest_gradient is not None:
            parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
            clip_grad_norm_(parameters, self.largest_gradient)


@runtime_checkable
class Model(Protocol):
    """An association model: an `nn.Module` built as `target(config, shape)`, shape = (n, m) of the problems."""

    def __call__(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Return association logits: finite float [b, n, m], before the sigmoid; None masks are all True."""


@runtime_checkable
class Dataset(Protocol):
    """A source of problems, built as `target(config)`."""

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

    A trainer may also define

    - `prepare(training)`, which is handed the whole training split once before the first step;
    - `reduction`, "sum" where the losses of a batch are sums over its problems. Without it they are taken for means.
      Losses are reported per problem, so that those of training and validation compare.
    """

    def losses(self, model: Any, batch: AssociationBatch) -> Mapping[str, Tensor]:
        """Return named scalar terms; their sum is minimised."""

    def configure(self, model: Any, total_steps: int) -> Optimization:
        """Return the optimiser and, if any, a scheduler made for `total_steps` optimiser steps."""
