"""The training loop: epochs, validation, best weights, resume. It does not use the test split.

The order of the data depends only on (seed, epoch), and every epoch ends with a checkpoint, so a training that was
killed and resumed ends with bitwise the same weights as one that was not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Trainer
from hnetzoo.association.counts import AssociationCounts, compare
from hnetzoo.association.decoding import decode
from hnetzoo.association.masking import skip_value_checks
from hnetzoo.association.prediction import cut, evaluating, predict
from hnetzoo.config import TrainerConfig
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import CheckpointError, ConfigError, DivergenceError, ModelError, one_line
from hnetzoo.training.batches import problem_groups, shuffled_batches, steps_per_epoch
from hnetzoo.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from hnetzoo.training.determinism import derived_seed, preserved_state, seed_generators
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer, TrainingStart
from hnetzoo.training.optimization import configured
from hnetzoo.training.runs import BEST, CHECKPOINTS, Run, RunRecord, finish_run, write_metrics
from hnetzoo.training.weights import fill, save_tensors

Redraw = Callable[[int], AssociationBatch]


def fit(
    model: nn.Module,
    trainer: Trainer,
    settings: TrainerConfig,
    training: AssociationBatch,
    validation: AssociationBatch,
    run: Run,
    *,
    redraw: Redraw | None = None,
    features: bool = False,
    observer: Observer | None = None,
) -> EpochRecord:
    """Return the record of the last epoch, after training a model.

    The weights of the epoch with the best validation F1 are in the run directory. Global random states and the number
    of threads are restored.

    Args:
        model: The model, which is trained in place.
        trainer: Losses and optimiser.
        settings: Epochs and batch size, as `check_trainable` accepts them.
        training: Problems of the training split, in the first epoch.
        validation: Problems that select the best epoch.
        run: The return value of `open_run`. Its record gives seed, device and threads; training resumes from its
            newest checkpoint.
        redraw: Function of a seed that returns the training problems of an epoch, from the second on; None keeps them.
        features: Whether the model takes features; otherwise neither it nor the trainer sees them.
        observer: Called after every step and epoch.

    Returns:
        The record, which names the best epoch.

    Raises:
        ConfigError: If the loop does not support the trainer's optimiser or scheduler.
        CheckpointError: If all checkpoints of the run are damaged, or the last one of a training that has ended.
        DivergenceError: If a loss is not finite.
        ModelError: If validation logits have the wrong shape or are not finite, or a split is modified in place.
    """
    record = run.record
    with preserved_state(threads=record.threads, device=record.device):

        def shown(problems: AssociationBatch) -> AssociationBatch:
            return problems if features else problems.without_features()

        if hasattr(trainer, "prepare"):
            trainer.prepare(shown(training))
        groups = problem_groups(shown(training), settings)
        loop = _Loop(model.to(record.device), trainer, settings, run, steps_per_epoch(groups, settings))
        loop.restore()
        if record.weights and len(loop.history) < settings.epochs:
            raise CheckpointError(
                f"the training in '{run.path}' has ended and is not written again, but its last checkpoint is damaged; "
                "use its best weights (run:PATH), or start over with --fresh"
            )
        drawn = None if redraw is None else lambda seed: shown(redraw(seed))
        loop.run(groups, shown(validation), drawn, observer or NullObserver())
    if redraw is None:
        _check_unchanged({"train": training, "validation": validation}, record)
    if not record.weights:
        finish_run(run)
    return loop.history[-1]


class _Loop:
    """The state of a training, and its epochs."""

    def __init__(self, model: nn.Module, trainer: Trainer, settings: TrainerConfig, run: Run, steps: int) -> None:
        self.model, self.trainer, self.settings = model, trainer, settings
        self.run_directory, self.record = run
        self.steps = steps  # per epoch
        self.before = 0  # epochs before the present schedule began
        self.optimization = configured(trainer, model, settings.epochs * self.steps)
        self.sums = getattr(trainer, "reduction", "mean") == "sum"
        self.history: list[EpochRecord] = []
        self.exact_solver_f1: float | None = None

    def restore(self) -> None:
        """Load the newest intact checkpoint, if one was saved; epochs that were added get a schedule of their own."""
        directory = self.run_directory / CHECKPOINTS
        checkpoint = load_checkpoint(directory)
        if checkpoint is None:
            return
        try:
            self._restore(checkpoint.state)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"the state in '{directory}' does not fit this training ({one_line(error)}); start over with --fresh"
            ) from error

    def _restore(self, state: Mapping[str, Any]) -> None:
        fill(self.model, state["model"], str(self.run_directory / CHECKPOINTS))
        self.history = [EpochRecord(**line) for line in state["history"]]
        extended = state.get("epochs", self.settings.epochs) < self.settings.epochs
        self.before = len(self.history) if extended else state.get("before", 0)
        self.optimization = configured(self.trainer, self.model, (self.settings.epochs - self.before) * self.steps)
        optimizer, scheduler = self.optimization.optimizer, self.optimization.scheduler
        if extended:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": state["optimizer"]["state"]})
            return
        optimizer.load_state_dict(state["optimizer"])
        if scheduler is not None:
            scheduler.load_state_dict(state["scheduler"])

    def run(
        self,
        groups: Sequence[AssociationBatch],
        validation: AssociationBatch,
        redraw: Redraw | None,
        observer: Observer,
    ) -> None:
        """Run the remaining epochs on the groups of training problems."""
        done = len(self.history)
        observer.started(self._start(groups, validation))
        solved = assign(validation.distance, validation.row_mask, validation.col_mask)
        self.exact_solver_f1 = compare(solved, validation).total().f1
        held_out = [group.to(self.record.device) for group in problem_groups(validation, self.settings)]
        for epoch in range(done + 1, self.settings.epochs + 1):
            if redraw is not None and epoch > 1:
                groups = problem_groups(redraw(derived_seed(self.record.seed, epoch)), self.settings)
            start = time.perf_counter()
            losses = self._optimise(epoch, [group.to(self.record.device) for group in groups], observer)
            middle = time.perf_counter()
            measured = self._validate(held_out)
            seconds = {"train": middle - start, "evaluation": time.perf_counter() - middle}
            self._finish_epoch(losses, measured, seconds)
            observer.finished_epoch(self.history[-1])

    def _start(self, groups: Sequence[AssociationBatch], validation: AssociationBatch) -> TrainingStart:
        return TrainingStart(
            model=self.record.model,
            device=self.record.device,
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            problems=sum(len(group.distance) for group in groups),
            validation=len(validation.distance),
            epochs=self.settings.epochs,
            steps=self.steps,
            done=len(self.history),
        )

    def _optimise(self, epoch: int, groups: Sequence[AssociationBatch], observer: Observer) -> dict[str, float]:
        """Return the mean losses per problem, after one optimiser step per full batch of the shuffled split."""
        seed_generators(derived_seed(self.record.seed, epoch))
        totals: dict[str, Tensor] = {}
        self.model.train()
        batches = islice(shuffled_batches(groups, self.settings, self.record.seed, epoch), self.steps)
        with skip_value_checks():  # the split was checked when it was loaded
            for step, batch in enumerate(batches, start=1):
                losses = self.trainer.losses(self.model, batch)
                self.optimization.optimizer.zero_grad(set_to_none=True)
                torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
                self.optimization.step()
                shares = self._per_problem(losses, len(batch.distance))
                totals = {name: totals.get(name, 0.0) + share for name, share in shares.items()}
                observer.stepped(epoch, step, shares)
        means = {name: float(total) / self.steps for name, total in totals.items()}
        _check_finite(means, epoch)
        return means

    def _validate(self, validation: Sequence[AssociationBatch]) -> dict[str, Any]:
        """Return metrics and the mean losses per problem of the groups of the validation split."""
        counts = sum((self._count(group) for group in validation), AssociationCounts())
        totals: dict[str, float] = {}
        with evaluating(self.model):
            for batch in (part for group in validation for part in cut(group, self.settings.batch_size)):
                size = len(batch.distance)
                for name, share in self._per_problem(self.trainer.losses(self.model, batch), size).items():
                    totals[name] = totals.get(name, 0.0) + float(share) * size
        return {
            "f1": counts.f1,
            "precision": counts.precision,
            "recall": counts.recall,
            "exact": counts.exact_share,
            "losses": {name: total / max(1, counts.problems) for name, total in totals.items()},
        }

    def _count(self, problems: AssociationBatch) -> AssociationCounts:
        """Return the right and wrong pairs that the model makes of some problems."""
        asked, name, device = problems.problems, self.record.model, self.record.device
        logits = predict(self.model, *asked, features=problems.features, name=name, device=device)
        found = decode(logits.to(problems.distance.device), problems.row_mask, problems.col_mask)
        return compare(found, problems).total()

    def _per_problem(self, losses: Mapping[str, Tensor], problems: int) -> dict[str, Tensor]:
        """Return the losses of a batch per problem, for trainers that sum over problems and for those that average."""
        scale = 1 / problems if self.sums else 1.0
        return {name: loss.detach() * scale for name, loss in losses.items()}

    def _finish_epoch(
        self, losses: Mapping[str, float], measured: Mapping[str, Any], seconds: Mapping[str, float]
    ) -> None:
        """Write the weights if they are the best, the metrics, and last the checkpoint, from which training resumes."""
        epoch, best = len(self.history) + 1, self.history[-1] if self.history else None
        improved = best is None or measured["f1"] > best.best_f1
        self.history.append(
            EpochRecord(
                epoch=epoch,
                losses=losses,
                validation=measured,
                seconds=seconds,
                learning_rate=self.optimization.optimizer.param_groups[0]["lr"],
                best_epoch=epoch if best is None or improved else best.best_epoch,
                best_f1=measured["f1"] if best is None or improved else best.best_f1,
                best_exact=measured["exact"] if best is None or improved else best.best_exact,
                exact_solver_f1=self.exact_solver_f1,
            )
        )
        if improved:
            save_tensors(self.run_directory / BEST, self.model.state_dict())
        lines = [asdict(record) for record in self.history]
        write_metrics(self.run_directory, lines)
        scheduler = self.optimization.scheduler
        state = {
            "model": dict(self.model.state_dict()),
            "optimizer": self.optimization.optimizer.state_dict(),
            "scheduler": None if scheduler is None else scheduler.state_dict(),
            "history": lines,
            "epochs": self.settings.epochs,
            "before": self.before,
        }
        save_checkpoint(self.run_directory / CHECKPOINTS, Checkpoint(epoch, state))


def check_trainable(model: nn.Module, settings: TrainerConfig, problems: int, record: RunRecord) -> None:
    """Raise ConfigError if no parameter requires a gradient, or there are fewer problems than fit in a batch."""
    if settings.pairs_per_batch is None and problems < settings.batch_size:
        raise ConfigError(
            f"batch size {settings.batch_size} exceeds the {problems} problems of the training split of "
            f"'{record.dataset}'; use a smaller --batch-size"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(
            f"model '{record.model}' has nothing to train with these settings; evaluate it as it is, or change "
            f"the setting that fixes its weights (see 'hnetzoo show {record.model}')"
        )


def _check_finite(losses: Mapping[str, float], epoch: int) -> None:
    for name, value in losses.items():
        if not np.isfinite(value):
            raise DivergenceError(
                f"loss '{name}' is {value} in epoch {epoch}; lower the learning rate (--set trainer.learning_rate=...)"
            )


def _check_unchanged(splits: Mapping[str, AssociationBatch], record: RunRecord) -> None:
    """Raise ModelError if the digest of a split is not the one in the record."""
    for name, split in splits.items():
        if digest_tensors(split.tensors) != record.data.get(name):
            raise ModelError(
                f"model '{record.model}' or trainer '{record.trainer}' wrote into the {name} split while training; "
                "clone tensors before changing them"
            )
