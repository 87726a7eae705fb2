"""Settings of the exchangeable model and its trainer."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

import hnetzoo


class ExchangeableConfig(hnetzoo.Config):
    """Settings of Exchangeable."""

    channels: PositiveInt = 32
    """Channels of the state of an entry."""
    scores: PositiveInt = 4
    """Learned scores per entry whose row and column log-softmax are fed back."""
    iterations: PositiveInt = 6
    """Applications of the shared layer; more of them than in training can solve larger problems."""


class ExchangeableTrainerConfig(hnetzoo.TrainerConfig):
    """Settings of the exchangeable trainer."""

    epochs: PositiveInt = 12
    """Passes over the training split."""
    batch_size: PositiveInt = 1024
    """Problems per optimiser step; the last incomplete batch of an epoch is dropped."""
    learning_rate: PositiveFloat = 3e-3
    """Rate of Adam at the peak of the one-cycle schedule."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled decay of all weights, in units of the learning rate."""
    warmup_share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of the steps in which the rate rises."""
    largest_gradient: PositiveFloat = 1.0
    """Largest norm of the gradient of a step; above it, the gradient is clipped."""
    iterations: tuple[PositiveInt, PositiveInt] | None = None
    """Range of the random number of iterations of a training step; null: the model's number."""
    supervise_every: PositiveInt | None = None
    """Take the loss after every so many iterations too, not only after the last; null: only after the last."""
