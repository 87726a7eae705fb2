"""Checks of the losses of trainers, on a small model and 32 easy problems."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.errors import ConfigError, one_line
from hnetzoo.registry.specs import TrainerSpec
from hnetzoo.testing.outcome import Blocked, Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import full_problems
from hnetzoo.testing.subjects import build_trainer, component, described
from hnetzoo.testing.trial import (
    STEPS,
    PairwiseNet,
    configure,
    named_losses,
    prepare,
    sensitivity,
    shown,
    state_of,
    total_loss,
)

LIKE_A_SUM = 1.5  # ratio of the losses of a doubled batch: 1 for a mean, 2 for a sum, blurred by random augmentation


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


def check_losses_without_a_weight(spec: TrainerSpec, settings: Settings = None) -> None:
    """Losses and gradients are finite where a setting with "weight" in its name is 0."""
    for what, changed in _without_a_weight(spec, settings):
        try:
            component(spec, changed)
        except ConfigError:
            continue  # 0 is not accepted
        trainer, model, batch = prepare(spec, changed)
        terms = named_losses(trainer, model, batch)
        for name, loss in terms.items():
            if not bool(loss.isfinite()):
                raise CheckFailure(f"loss '{name}' is {loss.item()} with {what}", shown(batch))
        total = torch.stack(list(terms.values())).sum()
        if total.requires_grad:
            gradients = torch.autograd.grad(total, list(model.parameters()), allow_unused=True)
            if not all(gradient is None or bool(gradient.isfinite().all()) for gradient in gradients):
                raise CheckFailure(f"the gradient is not finite with {what}", shown(batch))


def check_losses_same_terms(spec: TrainerSpec, settings: Settings = None) -> None:
    """Every batch has the same terms in either mode, and in train mode each that is not 0 passes a gradient."""
    trainer, model, batch = prepare(spec, settings)
    expected = named_losses(trainer, model, batch)
    nothing = batch._replace(association=torch.zeros_like(batch.association))
    for what, training, part in (("in eval mode", False, batch), ("without true pairs", True, nothing)):
        found = named_losses(trainer, model.train(training), part)
        if found.keys() != expected.keys():
            raise CheckFailure(f"the terms are {sorted(found)} {what}, and {sorted(expected)} otherwise", shown(part))
    if not any(loss.requires_grad for loss in expected.values()):
        raise Blocked("check_losses_differentiable", "no gradient passes through the losses")
    for name, loss in expected.items():
        if bool(loss) and not loss.requires_grad:
            raise CheckFailure(f"no gradient passes through loss '{name}'; it is reported and has no effect")


def check_losses_use_every_problem(spec: TrainerSpec, settings: Settings = None) -> None:
    """Every problem of a batch has a part in the gradient."""
    trainer, _, batch = prepare(spec, settings)
    unused = (sensitivity(trainer, batch).abs().flatten(1).amax(1) == 0).nonzero().flatten().tolist()
    if len(unused) == len(batch.distance):
        raise CheckSkipped("the losses pass no gradient to the distances")
    if unused:
        raise CheckFailure(f"{len(unused)} of {len(batch.distance)} problems have no effect", shown(batch, unused[0]))


def check_losses_of_all_pairs(spec: TrainerSpec, settings: Settings = None) -> None:
    """Raising the logits of true pairs lowers the losses, and raising those of other pairs raises them."""
    trainer, _, batch = prepare(spec, settings)
    rise = -sensitivity(trainer, batch)  # logits fall with their distances
    if not bool(rise.any()):
        raise CheckSkipped("the losses pass no gradient to the distances")
    true, other = float(rise[batch.association].sum()), float(rise[batch.cells & ~batch.association].sum())
    for what, wrong in (("true", true >= 0), ("other", other <= 0)):
        if wrong:
            change = "lower" if what == "true" else "raise"
            raise CheckFailure(
                f"higher logits of {what} pairs do not {change} the losses; is a term missing?", shown(batch)
            )


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
    """The problems are not modified in place, by `prepare` or by `losses`, in either mode."""
    trainer, batch, model = build_trainer(spec, settings), full_problems(), PairwiseNet()
    kept = batch.clone()
    if hasattr(trainer, "prepare"):
        trainer.prepare(batch)
        _require_same(kept, batch, "prepare")
    named_losses(trainer, model, batch)
    for training in (True, False, True):
        trainer.losses(model.train(training), batch)
        _require_same(kept, batch, "losses")


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


def _require_same(kept: AssociationBatch, batch: AssociationBatch, by: str) -> None:
    """Raise CheckFailure if a field of the batch is no longer as it was kept."""
    for name, before in kept.tensors.items():
        if not torch.equal(before, batch.tensors[name]):
            raise CheckFailure(f"{by} writes into {name}", shown(kept))


def _without_a_weight(spec: TrainerSpec, settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield settings in which one loss weight is 0, each with a description."""
    given, config = dict(settings or {}), component(spec, settings).config
    for name in (name for name in type(config).model_fields if "weight" in name):
        value = getattr(config, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{name} = 0", given | {name: 0.0}
        elif isinstance(value, list | tuple) and all(isinstance(entry, int | float) for entry in value):
            for index in range(len(value)):
                changed = tuple(0.0 if place == index else entry for place, entry in enumerate(value))
                yield f"{name} = {changed}", given | {name: changed}


TRAINER = (
    Check(check_losses_named),
    Check(check_losses_finite),
    Check(check_losses_differentiable),
    Check(check_losses_without_a_weight),
    Check(check_losses_same_terms),
    Check(check_losses_use_every_problem),
    Check(check_losses_of_all_pairs),
    Check(check_losses_respect_masks),
    Check(check_reduction),
    Check(check_losses_deterministic),
    Check(check_batch_not_mutated),
    Check(check_model_left_alone),
)
