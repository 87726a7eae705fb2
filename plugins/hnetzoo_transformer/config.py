"""Settings of the transformer model and its trainer."""

from typing import Self

from pydantic import PositiveInt, model_validator

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


class TransformerTrainerConfig(hnetzoo.OneCycleConfig):
    """Settings of the transformer trainer."""
