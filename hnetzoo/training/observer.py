"""Records of epochs, and observers, which the training loop calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

MEASURED = frozenset({"f1", "precision", "recall", "exact", "losses"})
"""What the core measures on the validation split; a trainer's own metrics have other names."""


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """A line of metrics.jsonl; losses are per problem, in training and in validation.

    `losses` is empty and `learning_rate` 0 for a model that is fitted without steps. `validation` has the trainer's own
    metrics beside what the core measures. `best_exact` is the share of exact matches of the best epoch, and
    `exact_solver_f1` the F1 of the exact assignment of the distances as they are, both on the validation split.
    """

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, Any]
    seconds: Mapping[str, float]
    learning_rate: float
    best_epoch: int
    best_f1: float
    best_exact: float | None = None
    exact_solver_f1: float | None = None

    @property
    def own_metrics(self) -> dict[str, float]:
        """The trainer's own metrics by name."""
        return {name: value for name, value in self.validation.items() if name not in MEASURED}

    @property
    def shortfall(self) -> str:
        """What the best epoch lacks on the validation split against the exact solver; "" if nothing."""
        if self.best_exact == 0:
            return "no problem is matched exactly"
        if self.exact_solver_f1 is not None and self.best_f1 < self.exact_solver_f1:
            return f"below the exact solver's F1 of {self.exact_solver_f1:.4f}"
        return ""


@dataclass(frozen=True, kw_only=True)
class TrainingStart:
    """What a training is about to do: `epochs` of `steps` each, of which `done` were finished in an earlier run.

    `problems` and `validation` are the numbers of problems that it learns from, and that select the best epoch; a model
    that is `fitted` learns in one pass, without steps.
    """

    model: str
    device: str
    parameters: int
    problems: int
    validation: int
    epochs: int
    steps: int
    done: int = 0
    fitted: bool = False


class Observer(Protocol):
    """Object that the training loop calls, for instance to show progress."""

    def started(self, start: TrainingStart) -> None:
        """Called before training."""

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Called after an optimiser step with the losses per problem; reading them may wait for the device."""

    def finished_epoch(self, record: EpochRecord) -> None:
        """Called after an epoch and its validation."""

    def stopped_early(self, record: EpochRecord, patience: int) -> None:
        """Called after the last epoch if `patience` epochs in a row without a better F1 ended the training."""


class NullObserver:
    """An observer that does nothing."""

    def started(self, start: TrainingStart) -> None:
        """Do nothing."""

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Do nothing."""

    def finished_epoch(self, record: EpochRecord) -> None:
        """Do nothing."""

    def stopped_early(self, record: EpochRecord, patience: int) -> None:
        """Do nothing."""
