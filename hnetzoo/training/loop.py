"""The epochs of a training: learn, validate, keep the best weights, store a checkpoint, stop."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

from torch import nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.config import TrainerConfig
from hnetzoo.errors import CheckpointError, one_line
from hnetzoo.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from hnetzoo.training.determinism import derived_seed
from hnetzoo.training.extensions import ExtendedTrainer
from hnetzoo.training.group import shared
from hnetzoo.training.observer import EpochRecord, Observer, TrainingStart
from hnetzoo.training.ranks import Ranks
from hnetzoo.training.runs import BEST, CHECKPOINTS, Run, write_metrics
from hnetzoo.training.validation import Validation
from hnetzoo.training.weights import fill, save_tensors

Redraw = Callable[[int], AssociationBatch]


class Learner(Protocol):
    """How a model learns: by gradient steps or by fitting. Its state goes into checkpoints."""

    fitted: bool
    steps: int  # of an epoch

    @property
    def learning_rate(self) -> float:
        """The present learning rate; 0 if there is none."""

    def take(self, training: AssociationBatch) -> None:
        """Learn from other problems from now on."""

    def learn(self, epoch: int, observer: Observer) -> dict[str, float]:
        """Return the mean losses per problem, after learning from all problems once."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds beside the model."""

    def restore(self, state: Mapping[str, Any], epochs: int, *, extended: bool) -> None:
        """Load a state, of a schedule of so many epochs; epochs that were added have a schedule of their own."""


class Loop:
    """The state of a training, and its epochs.

    Args:
        model: The model, on its device.
        learner: How it learns.
        trainer: Its averaged weights, if any, are those that are validated and kept.
        settings: Epochs and patience.
        run: Where files are written, and what is recorded.
        ranks: The place of this process among those that train together; the first one writes.
    """

    def __init__(
        self,
        model: nn.Module,
        learner: Learner,
        trainer: ExtendedTrainer,
        settings: TrainerConfig,
        run: Run,
        ranks: Ranks,
    ) -> None:
        self.model, self.learner, self.trainer, self.settings = model, learner, trainer, settings
        self.run_directory, self.record = run
        self.ranks = ranks
        self.before = 0  # epochs before the present schedule began
        self.history: list[EpochRecord] = []

    @property
    def impatient(self) -> bool:
        """Whether as many epochs of the present schedule as its patience had no better F1."""
        if self.settings.patience is None or not self.history:
            return False
        last = self.history[-1]
        return last.epoch - max(last.best_epoch, self.before) >= self.settings.patience

    @property
    def ended(self) -> bool:
        """Whether no epoch is left."""
        return len(self.history) >= self.settings.epochs or self.impatient

    @property
    def stopped(self) -> int | None:
        """The epoch after which patience ended the training; None if all epochs were run, or some are left."""
        return len(self.history) if self.impatient and len(self.history) < self.settings.epochs else None

    def restore(self) -> None:
        """Load the newest intact checkpoint, if one was saved; epochs that were added get a schedule of their own."""
        directory = self.run_directory / CHECKPOINTS
        checkpoint = shared(self.ranks, load_checkpoint(directory) if self.ranks.first else None)
        if checkpoint is None:
            return
        try:
            self._restore(checkpoint.state)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise CheckpointError(
                f"the state in '{directory}' does not fit this training ({one_line(error)}); start over with --fresh"
            ) from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        fill(self.model, state["model"], str(self.run_directory / CHECKPOINTS))
        self.history = [EpochRecord(**line) for line in state["history"]]
        extended = state.get("epochs", self.settings.epochs) < self.settings.epochs
        self.before = len(self.history) if extended else state.get("before", 0)
        self.learner.restore(state, self.settings.epochs - self.before, extended=extended)

    def run(self, problems: int, validation: Validation, redraw: Redraw | None, observer: Observer) -> None:
        """Run the remaining epochs; `problems` is the number of those that are learned from."""
        observer.started(self._start(problems, validation))
        while not self.ended:
            epoch = len(self.history) + 1
            if redraw is not None and epoch > 1:
                self.learner.take(redraw(derived_seed(self.record.seed, epoch)))
            start = time.perf_counter()
            losses = self.learner.learn(epoch, observer)
            middle = time.perf_counter()
            kept = self.trainer.averaged(self.model)
            measured = validation.measure(kept)
            seconds = {"train": middle - start, "evaluation": time.perf_counter() - middle}
            self._finish_epoch(kept, losses, measured, seconds, validation.exact_solver_f1)
            observer.finished_epoch(self.history[-1])
        if self.stopped:
            assert self.settings.patience is not None, "nothing else stops a training"
            observer.stopped_early(self.history[-1], self.settings.patience)

    def _start(self, problems: int, validation: Validation) -> TrainingStart:
        return TrainingStart(
            model=self.record.model,
            device=self.record.device,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            problems=problems,
            validation=len(validation.problems.distance),
            epochs=self.settings.epochs,
            steps=self.learner.steps,
            done=len(self.history),
            fitted=self.learner.fitted,
        )

    def _finish_epoch(
        self,
        kept: nn.Module,
        losses: Mapping[str, float],
        measured: Mapping[str, Any],
        seconds: Mapping[str, float],
        exact_solver_f1: float,
    ) -> None:
        """Add an epoch to the history, and store it."""
        epoch, best = len(self.history) + 1, self.history[-1] if self.history else None
        improved = best is None or measured["f1"] > best.best_f1
        self.history.append(
            EpochRecord(
                epoch=epoch,
                losses=losses,
                validation=measured,
                seconds=seconds,
                learning_rate=self.learner.learning_rate,
                best_epoch=epoch if best is None or improved else best.best_epoch,
                best_f1=measured["f1"] if best is None or improved else best.best_f1,
                best_exact=measured["exact"] if best is None or improved else best.best_exact,
                exact_solver_f1=exact_solver_f1,
            )
        )
        if self.ranks.first:
            self._write(kept if improved else None)

    def _write(self, better: nn.Module | None) -> None:
        """Write the weights of a better epoch, the metrics, and last the checkpoint, from which training resumes."""
        if better is not None:
            save_tensors(self.run_directory / BEST, better.state_dict())
        write_metrics(self.run_directory, [asdict(record) for record in self.history])
        save_checkpoint(self.run_directory / CHECKPOINTS, Checkpoint(len(self.history), self.state()))

    def state(self) -> dict[str, Any]:
        """Return all that a resumed training needs."""
        return {
            "model": dict(self.model.state_dict()),
            **self.learner.state(),
            "history": [asdict(record) for record in self.history],
            "epochs": self.settings.epochs,
            "before": self.before,
        }
