"""Settings of the dhn model and its trainer."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

import hnetzoo


class DHNConfig(hnetzoo.Config):
    """Settings of DHN."""

    hidden_size: Annotated[int, Field(ge=4)] = 256
    """Channels of a recurrent layer in one direction: 256 in the paper, 64 in the shipped weights."""


class DHNTrainerConfig(hnetzoo.TrainerConfig):
    """Settings of the dhn trainer."""

    epochs: PositiveInt = 10
    """Passes over the training split."""
    batch_size: PositiveInt = 256
    """Problems per optimiser step; the last incomplete batch of an epoch is dropped."""
    focus: NonNegativeFloat = 2.0
    """Exponent of the focal loss: how much less an entry weighs the nearer its probability is to the truth; 0 is
    cross-entropy."""
    learning_rate: PositiveFloat = 2e-3
    """Rate of Adam at the peak of the one-cycle schedule."""
    warmup_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the steps in which the rate rises."""
    largest_gradient: PositiveFloat = 1.0
    """Largest norm of the gradient of a step; above it, the gradient is clipped."""
