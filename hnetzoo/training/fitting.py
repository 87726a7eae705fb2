"""Learning by a model's own method `fit`, in one pass without steps."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.model import unwrapped
from hnetzoo.errors import ModelError
from hnetzoo.training.determinism import derived_seed, seed_generators
from hnetzoo.training.observer import Observer
from hnetzoo.training.weights import misfit


def is_fitted(model: nn.Module) -> bool:
    """Return whether a model learns by its method `fit`, and not by gradient steps."""
    return callable(getattr(unwrapped(model), "fit", None))


class Fitting:
    """Learn by fitting a model to the whole training split.

    Args:
        model: A model with a method `fit`.
        name: Its registered name, for errors.
        seed: Seeds the global generators before it is fitted.
        training: Problems of the training split.
    """

    fitted = True
    steps = 1
    learning_rate = 0.0

    def __init__(self, model: nn.Module, name: str, seed: int, training: AssociationBatch) -> None:
        self.model, self.name, self.seed, self.training = model, name, seed, training

    def take(self, training: AssociationBatch) -> None:
        """Learn from other problems from now on."""
        self.training = training

    def learn(self, epoch: int, observer: Observer) -> dict[str, float]:
        """Return no losses, after the model was fitted.

        Raises:
            ModelError: If parameters or buffers have other names, shapes or types than before, or are NaN.
        """
        expected = dict(self.model.state_dict())
        seed_generators(derived_seed(self.seed, epoch))
        fit_model(self.model, self.training)
        problem = misfit(expected, self.model.state_dict())
        if problem:
            raise ModelError(
                f"fit of model '{self.name}' changed its weights in name, shape or type ({problem}); "
                "fill buffers whose shapes depend on its settings alone"
            )
        return {}

    def state(self) -> dict[str, Any]:
        """Return nothing: all that is learned stands in the model."""
        return {}

    def restore(self, state: Mapping[str, Any], epochs: int, *, extended: bool) -> None:
        """Do nothing."""


def fit_model(model: nn.Module, training: AssociationBatch) -> None:
    """Fit a model that `is_fitted`."""
    unwrapped(model).train().fit(training)  # type: ignore[operator]
