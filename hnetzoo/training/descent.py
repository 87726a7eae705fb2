"""Learning by gradient steps: the optimiser and its schedule, and an epoch of steps."""

from collections.abc import Mapping, Sequence
from itertools import islice
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.masking import skip_value_checks
from hnetzoo.config import TrainerConfig
from hnetzoo.errors import DivergenceError
from hnetzoo.training.batches import Group, shuffled_batches, steps_per_epoch, training_groups
from hnetzoo.training.determinism import derived_seed, seed_generators
from hnetzoo.training.execution import Computation, Execution
from hnetzoo.training.extensions import ExtendedTrainer
from hnetzoo.training.observer import Observer
from hnetzoo.training.optimization import configured


class Descent:
    """Learn by the optimiser steps of a trainer.

    Args:
        model: The model, on `device`.
        trainer: Losses and optimiser.
        settings: Epochs and batches.
        seed: Fixes the order of the data.
        device: Where the model is.
        training: Problems of the training split, in the first epoch.
        computation: In which precision, and by how many processes.
    """

    fitted = False

    def __init__(
        self,
        model: nn.Module,
        trainer: ExtendedTrainer,
        settings: TrainerConfig,
        seed: int,
        device: str,
        training: AssociationBatch,
        computation: Computation,
    ) -> None:
        self.model, self.trainer, self.settings, self.seed, self.device = model, trainer, settings, seed, device
        self.groups: Sequence[Group] = training_groups(training, settings)
        self.steps = steps_per_epoch(self.groups, settings)
        self.optimization = configured(trainer.trainer, model, settings.epochs * self.steps)
        self.execution = Execution(model, computation, device)

    @property
    def learning_rate(self) -> float:
        """The present learning rate, of the first group of parameters."""
        rate: float = self.optimization.optimizer.param_groups[0]["lr"]
        return rate

    def take(self, training: AssociationBatch) -> None:
        """Learn from other problems from now on."""
        self.groups = training_groups(training, self.settings)

    def learn(self, epoch: int, observer: Observer) -> dict[str, float]:
        """Return the mean losses per problem, after an optimiser step per group of full batches of the shuffled split.

        Raises:
            DivergenceError: If a loss is not finite.
        """
        seed_generators(derived_seed(self.seed, epoch))
        self.execution.seed(derived_seed(self.seed, epoch))
        self.execution.model.train()
        groups = [group.to(self.device) for group in self.groups]
        batches = shuffled_batches(groups, self.settings, self.seed, epoch)
        totals: dict[str, Tensor] = {}
        with skip_value_checks():  # the split was checked when it was loaded
            for step in range(1, self.steps + 1):
                together = list(islice(batches, self.settings.accumulate))
                if len(together) < self.settings.accumulate:
                    break  # a redrawn split has fewer batches
                losses = self._step(together)
                totals = {name: totals.get(name, 0.0) + loss for name, loss in losses.items()}
                observer.stepped(epoch, step, losses)
        means = {name: float(total) / self.steps for name, total in totals.items()}
        _check_finite(means, epoch)
        return means

    def _step(self, batches: Sequence[AssociationBatch]) -> dict[str, Tensor]:
        """Return the mean losses per problem of some batches, after one optimiser step on all of them.

        Every batch has the same part in a mean, so that batches of equal size are as one large batch.
        """
        scale = 1.0 if self.trainer.sums else 1 / len(batches)
        means: dict[str, Tensor] = {}
        self.optimization.optimizer.zero_grad(set_to_none=True)
        for place, batch in enumerate(batches, start=1):
            with self.execution.passes(last=place == len(batches)):
                losses = self.trainer.losses(self.execution.model, batch)
                self.execution.backward(scale * torch.stack(list(losses.values())).sum())
            for name, loss in self.trainer.per_problem(losses, len(batch.distance)).items():
                means[name] = means.get(name, 0.0) + loss / len(batches)
        self.execution.step(self.optimization)
        return means

    def state(self) -> dict[str, Any]:
        """Return the state of the optimiser, of the schedule, and of what else has one."""
        scheduler, own = self.optimization.scheduler, self.trainer.state()
        return {
            "optimizer": self.optimization.optimizer.state_dict(),
            "scheduler": None if scheduler is None else scheduler.state_dict(),
            **({} if own is None else {"trainer": own}),
            **self.execution.state(),
        }

    def restore(self, state: Mapping[str, Any], epochs: int, *, extended: bool) -> None:
        """Load a state, of a schedule of so many epochs; epochs that were added have a schedule of their own."""
        self.optimization = configured(self.trainer.trainer, self.model, epochs * self.steps)
        optimizer, scheduler = self.optimization.optimizer, self.optimization.scheduler
        if extended:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state["optimizer"]["state"]})
        else:
            optimizer.load_state_dict(state["optimizer"])
            if scheduler is not None:
                scheduler.load_state_dict(state["scheduler"])
        self.trainer.restore(state.get("trainer"))
        self.execution.restore(state)


def _check_finite(losses: Mapping[str, float], epoch: int) -> None:
    for name, value in losses.items():
        if not isfinite(value):
            raise DivergenceError(
                f"loss '{name}' is {value} in epoch {epoch}; lower the learning rate (--set trainer.learning_rate=...)"
            )
