"""Settings."""

import hnetzoo


class SampleNetConfig(hnetzoo.Config):
    scale: float = 4.0
    """Initial steepness [1 / unit of distance]."""


class SampleTrainerConfig(hnetzoo.TrainerConfig):
    batch_size: int = 64
    """Problems per step."""
    learning_rate: float = 0.01
    """Rate of SGD."""
