"""Settings of the exchangeable model and its trainer."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

import hnetzoo


class ExchangeableConfig(hnetzoo.Config):
    """Settings of Exchangeable."""

    channels: PositiveInt = 32
    """Channels of the state of a cell."""
    scores: PositiveInt = 4
    """Learned scores per cell whose row and column log-softmax are fed back."""
    iterations: PositiveInt = 6
    """Applications of the shared layer; more of them at test time than in training extrapolate in size."""


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
    """Norm that the gradient of a step is clipped to."""
    iterations: tuple[PositiveInt, PositiveInt] | None = None
    """Range that the iterations of a training step are drawn from, so that more extrapolate; null: the model's."""
    supervise_every: PositiveInt | None = None
    """Ask for the answer after every so many iterations, and not only after the last; null: only after the last."""
