"""The optional methods of trainers, which are looked up here alone, and what is asked of them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from numbers import Real
from typing import Any

from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.contracts import Trainer
from hnetzoo.association.prediction import evaluating
from hnetzoo.digests import digest_tensors
from hnetzoo.errors import ModelError
from hnetzoo.training.determinism import GlobalState, preserved_state
from hnetzoo.training.observer import MEASURED
from hnetzoo.training.weights import misfit

DRAWN_BY_IMPORTS = "Python's global random state"  # by those of some libraries; it is restored without a word


class ExtendedTrainer:
    """A trainer with all optional methods; those that it lacks do nothing.

    Args:
        trainer: Losses, optimiser and optional methods, as `hnetzoo.association.contracts.Trainer` describes them.
        name: Its registered name, for errors.
        device: Where the model is.
    """

    def __init__(self, trainer: Trainer, name: str, device: str = "cpu") -> None:
        self.trainer, self.name, self.device = trainer, name, device
        self.sums = getattr(trainer, "reduction", "mean") == "sum"

    def prepare(self, training: AssociationBatch) -> None:
        """Show it the training split."""
        if hasattr(self.trainer, "prepare"):
            self.trainer.prepare(training)

    def losses(self, model: nn.Module, batch: AssociationBatch) -> Mapping[str, Tensor]:
        """Return its losses of a batch."""
        return self.trainer.losses(model, batch)

    def per_problem(self, losses: Mapping[str, Tensor], problems: int) -> dict[str, Tensor]:
        """Return the losses of a batch per problem, for trainers that sum over problems and for those that average."""
        scale = 1 / problems if self.sums else 1.0
        return {name: loss.detach() * scale for name, loss in losses.items()}

    def averaged(self, model: nn.Module) -> nn.Module:
        """Return the module that is validated and kept: the model itself unless the trainer has another.

        Raises:
            ModelError: If it is no module of the model's names, shapes and types, or the model is changed.
        """
        if not hasattr(self.trainer, "averaged"):
            return model
        with self._left_alone("averaged", model):
            found = self.trainer.averaged(model)
        problem = unlike(model, found)
        if problem:
            raise ModelError(f"averaged of trainer '{self.name}' returned {problem}")
        module: nn.Module = found
        return module

    def metrics(self, model: nn.Module, validation: AssociationBatch) -> dict[str, float]:
        """Return its own numbers of a model, in eval mode and without gradients; none without such a method.

        Raises:
            ModelError: If they are not finite numbers by names of their own, or anything is changed.
        """
        if not hasattr(self.trainer, "metrics"):
            return {}
        shown = validation.clone()
        with evaluating(model), self._left_alone("metrics", model, shown):
            found = self.trainer.metrics(model, shown)
        problem = unusable(found)
        if problem:
            raise ModelError(f"metrics of trainer '{self.name}' returned {problem}")
        return {name: float(value) for name, value in found.items()}

    def state(self) -> dict[str, Any] | None:
        """Return what a checkpoint holds of it; None if it has no state."""
        return dict(self.trainer.state_dict()) if hasattr(self.trainer, "state_dict") else None

    def restore(self, state: dict[str, Any] | None) -> None:
        """Load what a checkpoint holds of it."""
        if state is not None and hasattr(self.trainer, "load_state_dict"):
            self.trainer.load_state_dict(state)

    @contextmanager
    def _left_alone(self, method: str, model: nn.Module, batch: AssociationBatch | None = None) -> Iterator[None]:
        """Raise ModelError after a `with` block that changed the model, the batch or a global state."""
        with preserved_state(device=self.device):
            state, before = GlobalState.now(), _fingerprint(model, batch)
            yield
            after = _fingerprint(model, batch)
            changed = [name for name in before if before[name] != after[name]]
            changed += [name for name in state.differences(GlobalState.now()) if name != DRAWN_BY_IMPORTS]
        if changed:
            raise ModelError(
                f"{method} of trainer '{self.name}' changed {' and '.join(changed)}; clone tensors before changing "
                "them, and draw from a generator of its own"
            )


def unlike(model: nn.Module, found: Any) -> str:
    """Return what is wrong with averaged weights of a model; "" if nothing is.

    Example:
        >>> unlike(nn.Linear(2, 2), nn.Linear(2, 2)), unlike(nn.Linear(2, 2), nn.Linear(2, 2).state_dict())
        ('', 'an OrderedDict; return a module')
    """
    if not isinstance(found, nn.Module):
        kind = type(found).__name__
        return f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}; return a module"
    problem = misfit(model.state_dict(), found.state_dict())
    hint = "return a module with the model's own names, such as AveragedModel.module"
    return f"other weights than the model's ({problem}); {hint}" if problem else ""


def unusable(metrics: Any) -> str:
    """Return what is wrong with a trainer's own metrics; "" if nothing is.

    Example:
        >>> unusable({"recall_at_2": 0.5}), unusable({"f1": 0.5}), unusable({"mine": float("nan")})
        ('', "'f1', which hnetzoo measures itself; choose another name", "'mine' = nan; return finite numbers")
    """
    if not isinstance(metrics, Mapping):
        return f"a {type(metrics).__name__}; return a mapping from names to numbers"
    for name, value in metrics.items():
        if not isinstance(name, str) or not name.strip():
            return f"a number named {name!r}; names must be texts that are not empty"
        if name in MEASURED:
            return f"'{name}', which hnetzoo measures itself; choose another name"
        if not isinstance(value, Real):
            return f"'{name}' of type {type(value).__name__}; return numbers, as tensor.item() gives them"
        if not isfinite(value):
            return f"'{name}' = {value}; return finite numbers"
    return ""


def _fingerprint(model: nn.Module, batch: AssociationBatch | None) -> dict[str, Any]:
    """Return what must stay the same, by what an error calls it."""
    return {
        "the model's weights": digest_tensors(model.state_dict()),
        "the model's mode": [module.training for module in model.modules()],
        "what requires a gradient": [parameter.requires_grad for parameter in model.parameters()],
        "the validation split": None if batch is None else digest_tensors(batch.tensors),
    }
