"""Settings of the exchangeable model and its trainer."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, NonNegativeFloat, PositiveFloat, PositiveInt

import hnetzoo


class ExchangeableConfig(hnetzoo.Config):
    """Settings of Exchangeable."""

    unmatched: Annotated[FiniteFloat, Field(ge=0)] | Literal["learned", "never"] = "learned"
    """"learned": the network decides which pairs are made. "never" makes as many pairs as possible; a number is the
    cost of leaving one row or column unmatched [unit of distance]. Both solve the distances themselves, without
    weights."""
    channels: PositiveInt = 32
    """Channels of the state of a pair."""
    scores: PositiveInt = 4
    """Learned scores per pair whose row and column log-softmax enter the next state."""
    layers: PositiveInt = 4
    """Exchangeable layers, each with weights of its own."""
    transport_steps: PositiveInt = 60
    """Steps of transport over learned costs, in eval mode."""
    training_steps: PositiveInt = 16
    """The same in training mode: fewer, which is faster, and nearly as exact."""
    training_temperature: PositiveFloat = 0.02
    """Where the distances themselves are solved and require a gradient, annealing stops at this temperature [scale]."""


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
