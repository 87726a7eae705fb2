"""Checks of trainers, on a small model and 32 easy problems."""

from collections.abc import Mapping

import torch
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Optimization
from hnetzoo.errors import one_line
from hnetzoo.registry.specs import TrainerSpec
from hnetzoo.testing.outcome import Check, CheckFailure, Settings
from hnetzoo.testing.subjects import described
from hnetzoo.testing.trial import (
    STEPS,
    Trial,
    carry_over,
    configure,
    named_losses,
    prepare,
    shown,
    start,
    state_of,
    total_loss,
)

LIKE_A_SUM = 1.5  # ratio of the losses of a doubled batch: 1 for a mean, 2 for a sum, blurred by random augmentation
AVERAGED = 5  # number of first and of last steps whose mean losses are compared


def check_losses_named(spec: TrainerSpec, settings: Settings = None) -> None:
    """Losses are named scalar tensors."""
    trainer, model, batch = prepare(spec, settings)
    try:
        losses = trainer.losses(model, batch)
    except Exception as error:
        raise CheckFailure(f"losses raised {one_line(error)}") from error
    if not isinstance(losses, Mapping) or not losses:
        raise CheckFailure(f"losses returned {described(losses)}; expected a mapping from names to scalars")
    for name, loss in losses.items():
        if not isinstance(name, str) or not name:
            raise CheckFailure(f"a loss is named {name!r}; names must be texts that are not empty")
        if not isinstance(loss, Tensor) or loss.ndim:
            raise CheckFailure(f"loss '{name}' is {described(loss)}; expected a scalar tensor")


def check_losses_finite(spec: TrainerSpec, settings: Settings = None) -> None:
    """Losses are finite, also for a batch without true pairs and for one whose slots are all masked."""
    trainer, model, batch = prepare(spec, settings)
    nothing = batch._replace(association=torch.zeros_like(batch.association))
    absent = nothing._replace(row_mask=torch.zeros_like(batch.row_mask), col_mask=torch.zeros_like(batch.col_mask))
    for what, part in (("easy problems", batch), ("nothing to associate", nothing), ("all slots masked", absent)):
        for name, loss in named_losses(trainer, model, part).items():
            if not bool(loss.isfinite()):
                raise CheckFailure(f"loss '{name}' is {loss.item()} for {what}", shown(part))


def check_losses_differentiable(spec: TrainerSpec, settings: Settings = None) -> None:
    """The sum of the losses gives the model a finite gradient."""
    trainer, model, batch = prepare(spec, settings)
    total_loss(trainer, model, batch).backward()  # type: ignore[no-untyped-call]
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    if not any(bool(gradient.any()) for gradient in gradients):
        raise CheckFailure("the losses give the model no gradient, or a zero one")
    if not all(bool(gradient.isfinite().all()) for gradient in gradients):
        raise CheckFailure("the losses give the model a gradient that is not finite")


def check_losses_respect_masks(spec: TrainerSpec, settings: Settings = None) -> None:
    """Distances outside the masks, NaN included, do not change the losses."""
    trainer, model, batch = prepare(spec, settings)
    expected = named_losses(trainer, model, batch)
    for value in (torch.nan, -1e9):
        filled = batch._replace(distance=batch.distance.masked_fill(~batch.cells, value))
        for name, loss in named_losses(trainer, model, filled).items():
            if not torch.isclose(loss, expected[name], equal_nan=True):
                masked = int((~batch.row_mask).any(1).nonzero()[0])
                raise CheckFailure(f"{value} outside the masks changes loss '{name}'", shown(filled, masked))


def check_reduction(spec: TrainerSpec, settings: Settings = None) -> None:
    """Doubling the problems doubles the losses if `reduction` is "sum", and otherwise leaves them the same."""
    trainer, model, batch = prepare(spec, settings)
    declared = getattr(trainer, "reduction", "mean")
    if declared not in ("mean", "sum"):
        raise CheckFailure(f"reduction is {declared!r}; expected 'mean' or 'sum'")
    twice = AssociationBatch.concatenate([batch, batch])
    once, double = (abs(float(total_loss(trainer, model.eval(), part).detach())) for part in (batch, twice))
    found = "sum" if double > LIKE_A_SUM * once else "mean"
    if once > 0 and found != declared:
        raise CheckFailure(
            f"the losses go from {once:.4g} to {double:.4g} if the problems are doubled, like a {found}, but reduction "
            f"is '{declared}'; set reduction = '{found}', by which reported losses are scaled"
        )


def check_losses_deterministic(spec: TrainerSpec, settings: Settings = None) -> None:
    """The same model and problems give the same losses under the same torch.manual_seed."""
    trainer, model, batch = prepare(spec, settings)
    first, again = (named_losses(trainer, model, batch) for _ in range(2))
    for name, loss in first.items():
        if name not in again or not torch.equal(loss.nan_to_num(), again[name].nan_to_num()):
            raise CheckFailure(f"loss '{name}' differs between two calls under one seed; draw from torch only")


def check_batch_not_mutated(spec: TrainerSpec, settings: Settings = None) -> None:
    """The problems are not modified in place."""
    trainer, model, batch = prepare(spec, settings)
    kept = batch.clone()
    named_losses(trainer, model, batch)
    trainer.losses(model, batch)
    for name, before in kept.tensors.items():
        if not torch.equal(before, batch.tensors[name]):
            raise CheckFailure(f"losses writes into {name}", shown(kept))


def check_model_left_alone(spec: TrainerSpec, settings: Settings = None) -> None:
    """Computing losses and configuring an optimiser do not change the model's weights, mode, dtype or device."""
    trainer, model, batch = prepare(spec, settings)
    for training in (True, False):
        model.train(training)
        before = state_of(model)
        named_losses(trainer, model, batch)
        if state_of(model) != before:
            raise CheckFailure("losses changes the model's weights, mode, dtype or device")
        configure(trainer, model, STEPS)
        if state_of(model) != before:
            raise CheckFailure("configure changes the model's weights, mode, dtype or device")


def check_optimization(spec: TrainerSpec, settings: Settings = None) -> None:
    """`configure` returns an optimiser of all trainable parameters, whose scheduler lasts for the given steps."""
    for steps in (1, STEPS):
        trainer, model, batch = prepare(spec, settings)
        try:
            optimization = trainer.configure(model, steps)
        except Exception as error:
            raise CheckFailure(f"configure for {steps} steps raised {one_line(error)}") from error
        if not isinstance(optimization, Optimization):
            raise CheckFailure(f"configure returned {described(optimization)} instead of a hnetzoo.Optimization")
        held = {id(parameter) for group in optimization.optimizer.param_groups for parameter in group["params"]}
        forgotten = [
            name
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and id(parameter) not in held
        ]
        if forgotten:
            raise CheckFailure(f"the optimiser does not hold {', '.join(forgotten)}")
        trial = Trial(trainer, model, batch, optimization)
        for _ in range(steps):
            trial.step()


def check_loss_falls(spec: TrainerSpec, settings: Settings = None) -> None:
    """Training on 32 easy problems lowers the loss."""
    trial = start(spec, settings)
    losses = [trial.step() for _ in range(STEPS)]
    first, last = (sum(part) / AVERAGED for part in (losses[:AVERAGED], losses[-AVERAGED:]))
    if not last < first:
        raise CheckFailure(f"the loss went from {first:.4g} to {last:.4g} in {STEPS} steps", shown(trial.batch))


def check_model_learns(spec: TrainerSpec, settings: Settings = None) -> None:
    """Training on 32 easy problems raises the logits of true pairs relative to those of other pairs."""
    trial = start(spec, settings)
    before = _margin(trial)
    for _ in range(STEPS):
        trial.step()
    after = _margin(trial)
    if not after > before:
        reason = (
            f"the logits of true pairs exceed the others by {before:.4g} before and {after:.4g} after {STEPS} steps"
        )
        raise CheckFailure(reason, shown(trial.batch))


def check_resumes_exactly(spec: TrainerSpec, settings: Settings = None) -> None:
    """Training that is stopped, stored in a checkpoint and resumed gives bitwise the same weights as without a stop."""
    whole, stopped, resumed = (start(spec, settings) for _ in range(3))
    for _ in range(4):
        whole.step()
    for _ in range(2):
        stopped.step()
    try:
        carry_over(stopped, resumed)
    except Exception as error:
        raise CheckFailure(f"the optimiser's state cannot be stored and read back ({one_line(error)})") from error
    for _ in range(2):
        resumed.step()
    pairs = zip(whole.model.parameters(), resumed.model.parameters(), strict=True)
    if not all(torch.equal(one, other) for one, other in pairs):
        raise CheckFailure("resumed training ends with other weights; keep all state in the optimiser or scheduler")


def _margin(trial: Trial) -> float:
    """Return by how much the mean logit of true pairs exceeds that of other pairs."""
    batch = trial.batch
    with torch.no_grad():
        logits = trial.model(batch.distance, batch.row_mask, batch.col_mask)
    true, false = logits[batch.association], logits[batch.cells & ~batch.association]
    return float(true.mean() - false.mean())


TRAINER = (
    Check(check_losses_named),
    Check(check_losses_finite),
    Check(check_losses_differentiable),
    Check(check_losses_respect_masks),
    Check(check_reduction),
    Check(check_losses_deterministic),
    Check(check_batch_not_mutated),
    Check(check_model_left_alone),
    Check(check_optimization),
    Check(check_loss_falls),
    Check(check_model_learns),
    Check(check_resumes_exactly),
)
