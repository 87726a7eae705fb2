"""Settings of the components that the conformance kit is tested on."""

from dataclasses import dataclass

from pydantic import Field

import hnetzoo


class Valid(hnetzoo.Config):
    scale: float = 2.0
    """Initial steepness."""


class ValidTrainer(hnetzoo.TrainerConfig):
    learning_rate: float = 0.01
    """Adam's rate."""


class LooseTrainer(hnetzoo.Config):
    """Trainer settings without epochs and batch size."""

    learning_rate: float = 0.01
    """Adam's rate."""


class Undocumented(hnetzoo.Config):
    """A setting without a docstring."""

    scale: float = 2.0


class Excluded(hnetzoo.Config):
    scale: float = Field(2.0, exclude=True)
    """Excluded from JSON."""


@dataclass
class Foreign:
    """Not a hnetzoo.Config."""

    scale: float = 2.0


class WeightedTrainer(ValidTrainer):
    cell_weight: float = 1.0
    """Weight of the cross-entropy."""
