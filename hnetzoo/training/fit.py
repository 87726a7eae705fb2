"""Train a model, by gradient steps or by its own method `fit`. The test split is not used.

The order of the data depends only on (seed, epoch), and every epoch ends with a checkpoint, so a training that was
killed and resumed ends with bitwise the same weights as one that was not.
"""

from collections.abc import Mapping

from torch import nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Trainer
from hnetzoo.config import TrainerConfig
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import CheckpointError, ConfigError, ModelError
from hnetzoo.training.batches import steps_per_epoch, training_groups
from hnetzoo.training.descent import Descent
from hnetzoo.training.determinism import preserved_state
from hnetzoo.training.execution import Computation
from hnetzoo.training.extensions import ExtendedTrainer
from hnetzoo.training.fitting import Fitting, is_fitted
from hnetzoo.training.loop import Learner, Loop, Redraw
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer
from hnetzoo.training.ranks import ALONE, Ranks, check_processes
from hnetzoo.training.runs import Run, RunRecord, finish_run
from hnetzoo.training.validation import Validation


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
    ranks: Ranks = ALONE,
) -> EpochRecord:
    """Return the record of the last epoch, after training a model.

    The weights of the epoch with the best validation F1 are in the run directory. Global random states and the number
    of threads are restored.

    Args:
        model: The model, which is trained in place; by its method `fit` if it has one.
        trainer: Losses and optimiser.
        settings: Epochs and batch size, as `check_trainable` accepts them.
        training: Problems of the training split, in the first epoch.
        validation: Problems that select the best epoch.
        run: The return value of `open_run`. Its record gives seed, device and threads; training resumes from its
            newest checkpoint.
        redraw: Function of a seed that returns the training problems of an epoch, from the second on; None keeps them.
        features: Whether the model takes features; otherwise neither it nor the trainer sees them. `truth` of problems
            is for models with the attribute `takes_truth` alone.
        observer: Called after every step and epoch.
        ranks: The place of this process among those that train together and have `joined`; the first one writes the
            run directory, and all of them return the record.

    Returns:
        The record, which names the best epoch.

    Raises:
        ConfigError: If the loop does not support the trainer's optimiser or scheduler.
        CheckpointError: If all checkpoints of the run are damaged, or the last one of a training that has ended.
        DivergenceError: If a loss is not finite.
        ModelError: If validation logits have the wrong shape or are not finite, a split is modified in place, or an
            optional method of trainer or model returns what it should not.
    """
    record = run.record
    with preserved_state(threads=record.threads, device=record.device):

        def shown(problems: AssociationBatch) -> AssociationBatch:
            seen = problems if features else problems.without_features()
            return seen if getattr(model, "takes_truth", False) else seen._replace(truth=None)

        extended = ExtendedTrainer(trainer, record.trainer, record.device)
        extended.prepare(shown(training))
        model.to(record.device)
        learner = _learner(model, extended, settings, shown(training), record, ranks)
        loop = Loop(model, learner, extended, settings, run, ranks)
        loop.restore()
        if record.weights and not loop.ended:
            raise CheckpointError(
                f"the training in '{run.path}' has ended and is not written again, but its last checkpoint is damaged; "
                "use its best weights (run:PATH), or start over with --fresh"
            )
        drawn = None if redraw is None else lambda seed: shown(redraw(seed))
        held_out = Validation(shown(validation), extended, settings, record, ranks)
        loop.run(len(training.distance), held_out, drawn, observer or NullObserver())
    if redraw is None:
        _check_unchanged({"train": training, "validation": validation}, record)
    if not record.weights and ranks.first:
        finish_run(run, stopped=loop.stopped)
    return loop.history[-1]


def _learner(
    model: nn.Module,
    trainer: ExtendedTrainer,
    settings: TrainerConfig,
    training: AssociationBatch,
    record: RunRecord,
    ranks: Ranks,
) -> Learner:
    if is_fitted(model):
        return Fitting(model, record.model, record.seed, training)
    computation = Computation(record.precision, record.compiled, ranks)
    return Descent(model, trainer, settings, record.seed, record.device, training, computation)


def check_trainable(model: nn.Module, settings: TrainerConfig, training: AssociationBatch, record: RunRecord) -> None:
    """Raise ConfigError if a model has no parameter to train, an epoch no step, or a process no problem of a batch."""
    check_processes(record.processes, record.model, settings.batch_size, fitted=is_fitted(model))
    if is_fitted(model):
        return
    problems = len(training.distance)
    if settings.pairs_per_batch is None and problems < settings.batch_size:
        raise ConfigError(
            f"batch size {settings.batch_size} exceeds the {problems} problems of the training split of "
            f"'{record.dataset}'; use a smaller --batch-size"
        )
    if not steps_per_epoch(training_groups(training, settings), settings):
        raise ConfigError(
            f"trainer.accumulate = {settings.accumulate} exceeds the batches of an epoch of '{record.dataset}' "
            f"({problems} problems); use a smaller one, or smaller batches"
        )
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ConfigError(
            f"model '{record.model}' has nothing to train with these settings; evaluate it as it is, or change "
            f"the setting that fixes its weights (see 'hnetzoo show {record.model}')"
        )


def _check_unchanged(splits: Mapping[str, AssociationBatch], record: RunRecord) -> None:
    """Raise ModelError if the digest of a split is not the one in the record."""
    for name, split in splits.items():
        if digest_tensors(split.tensors) != record.data.get(name):
            raise ModelError(
                f"model '{record.model}' or trainer '{record.trainer}' wrote into the {name} split while training; "
                "clone tensors before changing them"
            )
