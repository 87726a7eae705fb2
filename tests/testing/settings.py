"""Settings of the subjects that the conformance kit is tried on."""

from dataclasses import dataclass

from pydantic import Field

import hnetzoo


class Sound(hnetzoo.Config):
    scale: float = 2.0
    """Initial steepness."""


class SoundTrainer(hnetzoo.TrainerConfig):
    learning_rate: float = 0.01
    """Adam's rate."""


class LooseTrainer(hnetzoo.Config):
    """Without epochs and batch size."""

    learning_rate: float = 0.01
    """Adam's rate."""


class Silent(hnetzoo.Config):
    """A setting without a text."""

    scale: float = 2.0


class Forgetful(hnetzoo.Config):
    scale: float = Field(2.0, exclude=True)
    """Is not written down."""


@dataclass
class Foreign:
    """No hnetzoo.Config."""

    scale: float = 2.0
