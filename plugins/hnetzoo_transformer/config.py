"""Settings of the transformer model and its trainer."""

from typing import Annotated, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

import hnetzoo


class TransformerConfig(hnetzoo.Config):
    """Settings of Transformer."""

    channels: PositiveInt = 32
    """Channels of a token; a multiple of the heads."""
    heads: PositiveInt = 4
    """Attention heads; each has its own bias from the distances."""
    edge_channels: PositiveInt = 16
    """Learned features of an entry, which bias the scores of cross-attention and are gathered with its messages."""
    layers: PositiveInt = 3
    """Rounds of self-attention and cross-attention."""

    @model_validator(mode="after")
    def _heads_divide_channels(self) -> Self:
        if self.channels % self.heads:
            raise ValueError(f"channels ({self.channels}) must be a multiple of heads ({self.heads})")
        return self


class TransformerTrainerConfig(hnetzoo.TrainerConfig):
    """Settings of the transformer trainer."""

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
