"""How a training is seen from outside: a record per epoch, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class EpochRecord:
    """A line of metrics.jsonl; losses are per problem, in training as in validation."""

    epoch: int
    losses: Mapping[str, float]
    validation: Mapping[str, Any]
    seconds: Mapping[str, float]
    learning_rate: float
    best_epoch: int
    best_f1: float


class Observer(Protocol):
    """Sees a training happen; draws bars, writes lines, or does nothing."""

    def started(self, epochs: int, steps: int, done: int) -> None:
        """`epochs` of `steps` each are planned, `done` of them finished before."""

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """An optimiser step ended; reading the losses, which are per problem, may wait for the device."""

    def finished_epoch(self, record: EpochRecord) -> None:
        """An epoch and its validation ended."""


class NullObserver:
    """The observer that does nothing."""

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Do nothing."""

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Do nothing."""

    def finished_epoch(self, record: EpochRecord) -> None:
        """Do nothing."""
