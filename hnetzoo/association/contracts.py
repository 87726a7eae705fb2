"""The interfaces of models, datasets and trainers. Conventions as in `hnetzoo.association.batch`."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from hnetzoo.association.batch import AssociationBatch, Split


class Optimization(NamedTuple):
    """The optimiser of a training run with its schedule and clipping, as `Trainer.configure` returns it.

    Fields:
        optimizer: Stepped after every batch, or every few (`TrainerConfig.accumulate`).
        scheduler: Stepped after the optimiser; None keeps the learning rate.
        largest_gradient: Norm to which the gradients of a step are clipped; None means no clipping.

    Example:
        >>> from torch import nn, optim
        >>> Optimization(optim.Adam(nn.Linear(2, 2).parameters(), 1e-3), largest_gradient=1.0).scheduler is None
        True
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
    """An association model: an `nn.Module` built as `target(config, shape)`, shape = (n, m) of the problems.

    A model may also define

    - `adapted(config, training) -> config`, a static method: the settings that suit the problems of a training, asked
      before the model is built with random weights, and recorded with the run;
    - `ignores_weights`, True where its answers do not depend on its weights: their scope is not checked then;
    - `fit(training) -> None`, where it learns without gradient steps, as forests and nearest neighbours do: called once
      with the whole training split on the CPU, in place of all epochs, also where the model has parameters. What it
      learns stands in parameters and buffers whose shapes depend on nothing but `config` and `shape`. Such a model is
      tagged "fitted".
    """

    def __call__(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Return association logits: finite float [b, n, m], before the sigmoid; None masks are all True."""


@runtime_checkable
class Dataset(Protocol):
    """A dataset of association problems, built as `target(config)`.

    A dataset may also have `truth`, which says what its true pairs mean: "assignment" (all that can be paired is),
    "activity" (active slots are paired), "identity" (both are of one source), or another text; `block`, how many
    neighbouring problems have errors that go together, as frames of a sequence do, 1 without it; and `mapped`, True
    where a split may exceed the memory: its tensors are parts of files, each call of `load` maps them anew, and writing
    into them changes neither the files nor what another call returns. Such a split is loaded again where others are
    copied.
    """

    unit: str
    """The unit of the distances, for display."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m) of every problem, masked slots included."""

    def load(self, split: Split, seed: int) -> AssociationBatch:
        """Return a whole split as CPU tensors, bit-identical for the same split and seed."""


@runtime_checkable
class Trainer(Protocol):
    """Losses and optimiser, built as `target(config)`; hnetzoo runs the training loop.

    A trainer may also define

    - `prepare(training)`, called once with the whole training split before the first step;
    - `reduction`, "sum" if the losses of a batch are sums over its problems. Without it they are taken as means.
      Losses are reported per problem, so that training and validation losses can be compared;
    - `metrics(model, validation) -> Mapping[str, float]`, finite numbers of its own after every epoch, given the
      validation split. The model is in eval mode, without gradients; they change nothing and select nothing;
    - `averaged(model) -> nn.Module`, asked once after every epoch: a module with the model's names and shapes, such as
      a moving average, whose weights are validated and kept in place of the model's. A hook of the optimiser
      (`register_step_post_hook`) updates it after every step;
    - `state_dict() -> dict` and `load_state_dict(state)`, where the trainer has a state that changes in training:
      tensors, numbers and texts in dicts, lists and tuples. It is stored in checkpoints, and loaded after `configure`.
    """

    def losses(self, model: Any, batch: AssociationBatch) -> Mapping[str, Tensor]:
        """Return named scalar terms; their sum is minimised."""

    def configure(self, model: Any, total_steps: int) -> Optimization:
        """Return the optimiser and, if any, a scheduler made for `total_steps` optimiser steps."""
