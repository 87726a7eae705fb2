"""Checks of the optional methods of trainers: their own metrics, averaged weights, and a state of their own."""

import torch

from hnetzoo.errors import ModelError, one_line
from hnetzoo.registry.specs import TrainerSpec
from hnetzoo.testing.outcome import Check, CheckFailure, CheckSkipped, Settings
from hnetzoo.testing.problems import easy_problems
from hnetzoo.testing.trial import STEPS, Trial, carry_over, prepare, same_weights, shown, start
from hnetzoo.training.extensions import ExtendedTrainer


def check_metrics(spec: TrainerSpec, settings: Settings = None) -> None:
    """Own metrics are finite numbers by new names, and change nothing; also for problems without true pairs."""
    trainer, model, batch = prepare(spec, settings)
    _require(trainer, "metrics")
    nothing = batch._replace(association=torch.zeros_like(batch.association))
    for problems in (batch, nothing):
        try:
            ExtendedTrainer(trainer, spec.name).metrics(model.train(), problems)
        except ModelError as error:
            raise CheckFailure(str(error), shown(problems)) from error
        except Exception as error:
            raise CheckFailure(f"metrics raised {one_line(error)}", shown(problems)) from error


def check_metrics_respect_masks(spec: TrainerSpec, settings: Settings = None) -> None:
    """Distances outside the masks, NaN included, do not change own metrics; nor does asking twice."""
    trainer, model, batch = prepare(spec, settings)
    _require(trainer, "metrics")
    extended = ExtendedTrainer(trainer, spec.name)
    expected = extended.metrics(model, batch)
    for value in (0.0, torch.nan, -1e9):
        filled = batch._replace(distance=batch.distance.masked_fill(~batch.cells, value))
        found = extended.metrics(model, filled)
        different = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
        if different:
            raise CheckFailure(f"{value} outside the masks changes '{min(different)}'", shown(filled))


def check_averaged(spec: TrainerSpec, settings: Settings = None) -> None:
    """Averaged weights have the model's names, shapes and types before the first step and after all, and follow it."""
    trial = start(spec, settings)
    _require(trial.trainer, "averaged")
    _averaged(trial, spec)
    initial = {name: tensor.clone() for name, tensor in trial.model.state_dict().items()}
    for _ in range(STEPS):
        trial.step()
    state = _averaged(trial, spec)
    if all(torch.equal(tensor, state[name]) for name, tensor in initial.items()):
        raise CheckFailure(f"the averaged weights are still the initial ones after {STEPS} steps")


def check_averaging_not_learned(spec: TrainerSpec, settings: Settings = None) -> None:
    """Asking for averaged weights and own metrics during training does not change the trained weights."""
    plain, asked = start(spec, settings), start(spec, settings)
    if not any(hasattr(plain.trainer, name) for name in ("metrics", "averaged")):
        raise CheckSkipped("no method metrics or averaged")
    for _ in range(STEPS // 4):
        plain.step()
        asked.step()
        extended = ExtendedTrainer(asked.trainer, spec.name)
        extended.metrics(extended.averaged(asked.model), easy_problems())
    if not same_weights(plain.model, asked.model):
        raise CheckFailure("asking for averaged weights or own metrics changes what is learned")


def check_trainer_state(spec: TrainerSpec, settings: Settings = None) -> None:
    """A trainer with `state_dict` has `load_state_dict`; what a new one loads from a checkpoint, it returns again."""
    stopped, resumed = start(spec, settings), start(spec, settings)
    _require(stopped.trainer, "state_dict", "load_state_dict")
    for name in ("state_dict", "load_state_dict"):
        if not hasattr(stopped.trainer, name):
            raise CheckFailure(f"the trainer has no {name}; what one stores, the other loads")
    for _ in range(STEPS // 4):
        stopped.step()
    try:
        carry_over(stopped, resumed)
    except Exception as error:
        raise CheckFailure(f"the trainer's state cannot be stored and read back ({one_line(error)})") from error
    kept, loaded = (_flat(ExtendedTrainer(trial.trainer, spec.name).state()) for trial in (stopped, resumed))
    if kept != loaded:
        names = sorted(name for name in kept.keys() | loaded.keys() if kept.get(name) != loaded.get(name))
        raise CheckFailure(f"load_state_dict does not restore {', '.join(names)}")


def _require(trainer: object, *names: str) -> None:
    """Raise CheckSkipped if a trainer has none of some optional methods."""
    if not any(hasattr(trainer, name) for name in names):
        raise CheckSkipped(f"no method {' or '.join(names)}")


def _averaged(trial: Trial, spec: TrainerSpec) -> dict[str, torch.Tensor]:
    """Return copies of the averaged weights; raises CheckFailure if there are none, or asking changes the model."""
    try:
        found = ExtendedTrainer(trial.trainer, spec.name).averaged(trial.model)
    except ModelError as error:
        raise CheckFailure(str(error)) from error
    except Exception as error:
        raise CheckFailure(f"averaged raised {one_line(error)}") from error
    return {name: tensor.clone() for name, tensor in found.state_dict().items()}


def _flat(node: object, name: str = "state") -> dict[str, str]:
    """Return the leaves of a tree as texts, by path."""
    if isinstance(node, dict):
        parts = [_flat(value, f"{name}.{key}") for key, value in node.items()]
    elif isinstance(node, list | tuple):
        parts = [_flat(value, f"{name}.{index}") for index, value in enumerate(node)]
    else:
        return {name: repr(node.tolist() if isinstance(node, torch.Tensor) else node)}
    return {path: text for part in parts for path, text in part.items()}


TRAINER = (
    Check(check_metrics),
    Check(check_metrics_respect_masks),
    Check(check_averaged),
    Check(check_averaging_not_learned),
    Check(check_trainer_state),
)
