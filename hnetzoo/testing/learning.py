"""Checks of training with a trainer: its optimiser, what it learns, and from what."""

import sys
from types import FrameType

import torch

from hnetzoo.association.contracts import Optimization
from hnetzoo.errors import one_line
from hnetzoo.registry.specs import TrainerSpec
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, Settings
from hnetzoo.testing.subjects import described
from hnetzoo.testing.trial import STEPS, Trial, carry_over, named_losses, prepare, same_weights, shown, start
from hnetzoo.training.optimization import unsupported

AVERAGED = 5  # number of first and of last steps whose mean losses are compared
STOP = 17  # steps before the stop, no multiple of what schedules are made of


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
        if problem := unsupported(optimization):
            raise CheckFailure(problem)
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


def check_every_parameter_trained(spec: TrainerSpec, settings: Settings = None) -> None:
    """Training changes every parameter, and freezes none."""
    trial = start(spec, settings)
    before = {name: weight.detach().clone() for name, weight in trial.model.named_parameters()}
    for _ in range(STEPS):
        trial.step()
    for name, weight in trial.model.named_parameters():
        if not weight.requires_grad or torch.equal(weight, before[name]):
            raise CheckFailure(f"{name} {'is unchanged' if weight.requires_grad else 'is frozen'} after {STEPS} steps")


def check_one_schedule(spec: TrainerSpec, settings: Settings = None) -> None:
    """Learning rates change by the scheduler that `configure` returns, and by nothing else."""
    trial = start(spec, settings)
    optimizer, scheduler = trial.optimization.optimizer, trial.optimization.scheduler
    for step in range(STEPS):
        rates = [group["lr"] for group in optimizer.param_groups]
        trial._replace(optimization=trial.optimization._replace(scheduler=None)).step()
        if [group["lr"] for group in optimizer.param_groups] != rates:
            reason = "the learning rate changes before the scheduler is stepped; return one scheduler that does it all"
            raise CheckFailure(f"in step {step + 1}, {reason}")
        try:
            if scheduler is not None:
                scheduler.step()
        except Exception as error:
            raise Blocked("check_optimization", f"the scheduler raised {one_line(error)}") from error


def check_validation_not_learned(spec: TrainerSpec, settings: Settings = None) -> None:
    """Losses of other problems in eval mode, as of the validation split, do not change what is learned."""
    plain, validating = start(spec, settings), start(spec, settings)
    other = plain.batch._replace(distance=plain.batch.distance.flip(0) + 0.5)
    for trial in (plain, validating):
        for _ in range(STEPS // 4):
            trial.step()
            if trial is validating:
                trial.model.eval()
                with torch.no_grad():
                    named_losses(trial.trainer, trial.model, other)
    if not same_weights(plain.model, validating.model):
        raise CheckFailure("problems that were seen in eval mode, as validation is, change the trained weights")


def check_only_training_data(spec: TrainerSpec, settings: Settings = None) -> None:
    """A trainer loads no split of a dataset: it is given its problems."""
    loaded: list[str] = []

    def watch(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name == "load" and "split" in code.co_varnames[: code.co_argcount]:
            loaded.append(str(frame.f_locals["split"]))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        trial = start(spec, settings)
        trial.step()
    finally:
        sys.setprofile(before)
    if loaded:
        raise CheckFailure(f"the trainer loads the {loaded[0]} split of a dataset; use the problems that it is given")


def check_resumes_exactly(spec: TrainerSpec, settings: Settings = None) -> None:
    """Training that is stopped, stored in a checkpoint and resumed gives bitwise the same weights as without a stop.

    Averaged weights, if the trainer has some, are the same too.
    """
    whole, stopped, resumed = (start(spec, settings) for _ in range(3))
    for _ in range(STEPS):
        whole.step()
    for _ in range(STOP):
        stopped.step()
    try:
        carry_over(stopped, resumed)
    except Exception as error:
        what = "the state of the optimiser or of the trainer"
        raise CheckFailure(f"{what} cannot be stored and read back ({one_line(error)})") from error
    for _ in range(STEPS - STOP):
        resumed.step()
    if not same_weights(whole.model, resumed.model):
        raise CheckFailure("resumed training ends with other weights; keep all state in the optimiser or scheduler")
    if not same_weights(whole.averaged(), resumed.averaged()):
        raise CheckFailure(
            "resumed training ends with other averaged weights; return them from state_dict, and load them"
        )


def _margin(trial: Trial) -> float:
    """Return by how much the mean logit of true pairs exceeds that of other pairs."""
    batch = trial.batch
    with torch.no_grad():
        logits = trial.model(batch.distance, batch.row_mask, batch.col_mask)
    true, false = logits[batch.association], logits[batch.cells & ~batch.association]
    return float(true.mean() - false.mean())


TRAINER = (
    Check(check_optimization),
    Check(check_loss_falls),
    Check(check_model_learns),
    Check(check_every_parameter_trained),
    Check(check_one_schedule),
    Check(check_validation_not_learned),
    Check(check_only_training_data),
    Check(check_resumes_exactly),
)
