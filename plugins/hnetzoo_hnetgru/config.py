"""Settings of the hnetgru model and the hnet trainer."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

import hnetzoo


class HNetGRUConfig(hnetzoo.Config):
    """Settings of HNetGRU."""

    hidden_size: PositiveInt = 128
    """Channels of the GRU and of the attention layer."""
    distance_scale: PositiveFloat | None = None
    """The network sees distances divided by this [unit of distance]. Null: a training from random weights takes it from
    its problems, since the network learns little from small numbers; without a training, 1."""


class HNetTrainerConfig(hnetzoo.TrainerConfig):
    """Settings of the hnet trainer."""

    learning_rate: PositiveFloat = 1e-3
    """Learning rate of Adam; the peak of the schedule "one-cycle"."""
    weight_decay: NonNegativeFloat = 0.3
    """Decoupled decay of all weights, in units of the learning rate; 0 is plain Adam. It keeps the unscaled attention
    from saturating early, where its gradient vanishes."""
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    """Schedule of the learning rate; the original Hnet has "constant"."""
    warmup_share: Annotated[float, Field(gt=0, lt=1)] = 0.3
    """Share of the steps in which the rate of the one-cycle schedule rises; about three epochs work well."""
    loss_weights: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat] = (1.0, 1.0, 1.0)
    """Weights of the cell, row and column terms."""
    balance_cells: bool = False
    """Weigh the positives of the cell term by (1 - p) / p, where p is the share of positives of the training labels."""
    averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay per step of an exponential moving average of the weights, such as 0.99, which is validated and kept instead
    of the weights; it goes well with a constant rate. Null: no average."""
    weighted_f1: bool = False
    """Measure the weighted F1 of the original Hnet in validation, where all slots exist and there are 256 problems."""
