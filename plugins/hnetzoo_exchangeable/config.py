"""Settings of the exchangeable model and its trainer."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt

import hnetzoo


class ExchangeableConfig(hnetzoo.Config):
    """Settings of Exchangeable."""

    unmatched: Annotated[FiniteFloat, Field(ge=0)] | Literal["learned", "never"] = "learned"
    """"learned": the network decides which pairs are made. "never" makes as many pairs as possible; a number is the
    cost of leaving one row or column unmatched [unit of distance]. Both solve the distances themselves, without
    weights."""
    truth: Literal["any", "activity", "identity"] = "any"
    """What a true pair means, where that is known, for learned costs: "activity": both slots hold a source, however far
    apart; "identity": both are of one source. Distances alone do not always tell."""
    bias: FiniteFloat = 0.0
    """Added to the logits of pairs where costs are learned, so that more are made above 0: transport alone makes at
    most one pair of a row likelier than not."""
    channels: PositiveInt = 32
    """Channels of the state of a pair."""
    hidden: PositiveInt = 64
    """Channels of the hidden layer of each exchangeable layer."""
    scores: PositiveInt = 4
    """Learned scores per pair whose row and column log-softmax enter the next state."""
    layers: PositiveInt = 4
    """Exchangeable layers, each with weights of its own."""
    transport_steps: PositiveInt = 60
    """Steps of transport over learned costs, in eval mode."""
    training_steps: PositiveInt = 24
    """The same in training mode: fewer, which is faster, and nearly as exact."""
    training_temperature: PositiveFloat = 0.1
    """Where the distances themselves are solved and require a gradient, annealing stops at this temperature [mean
    distance of the problem]."""


class MotionConfig(hnetzoo.Config):
    """Settings of Motion."""

    channels: PositiveInt = 32
    """Channels of the state of a pair."""
    scores: PositiveInt = 4
    """Learned scores per pair whose row and column log-softmax enter the next state; the first weighs displacements."""
    layers: PositiveInt = 4
    """Exchangeable layers, each with weights of its own."""
    transport_steps: PositiveInt = 60
    """Steps of transport over learned costs, in eval mode."""
    training_steps: PositiveInt = 24
    """The same in training mode: fewer, which is faster, and nearly as exact."""
    bias: FiniteFloat = 0.0
    """Added to the logits of pairs, so that more are made above 0. The weights were trained not to pair what looks
    like a false alarm; a tracker at the full frame rate, which has to follow it until it knows, makes fewer switches at
    3."""


class InterpolatingTrainerConfig(hnetzoo.OneCycleConfig):
    """Settings of trainers that keep weights between the first and the learned ones."""

    learned_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of what was learned in the weights that are validated and kept; the rest is of those that the training
    started from, so that more of what these know is kept. To fine-tune on a few hundred problems, try 0.5."""


class ExchangeableTrainerConfig(InterpolatingTrainerConfig):
    """Settings of the exchangeable trainer; the defaults suit hundreds of thousands of problems.

    A few hundred want batches of 32 and a rate of 0.003 for some 60 epochs.
    """

    epochs: PositiveInt = 3
    """Passes over the training split."""
    batch_size: PositiveInt = 2048
    """Problems per optimiser step; the last incomplete batch of an epoch is dropped."""
    learning_rate: PositiveFloat = 0.01
    """Rate of Adam at the peak of the one-cycle schedule."""
    without_truth: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability that a problem is shown without saying what its true pairs mean, so that the model can do without."""
    pair_weight: PositiveFloat = 1.0
    """Weight of true pairs in the loss; that of other entries is 1. F1 is best where pairs are made above half of the
    F1 that can be reached (Lipton et al., ECML 2014), which is below 1/2. A weight a little above 1 puts that at logit
    0; the odds of all pairs are too large by the same factor."""


class MotionTrainerConfig(InterpolatingTrainerConfig):
    """Settings of the motion trainer."""

    without_features: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Probability that a batch is shown without its features, so that the model can do without."""
    withheld_pair_weight: PositiveFloat = 1.0
    """Weight of true pairs in the loss of batches without features; that of other entries is 1. Distances alone often
    leave true pairs less likely than not, and F1 is best where such are made: see pair_weight of the exchangeable
    trainer."""
