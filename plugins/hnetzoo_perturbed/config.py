"""Settings of perturbed."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

import hnetzoo


class PerturbedConfig(hnetzoo.Config):
    """Settings of Perturbed."""

    samples: PositiveInt = 32
    """Perturbed copies of every problem. Each noise is used with both signs, so exact ties stay undecided; an odd
    number includes the problem as it is, which settles them as the exact solver does."""
    sigma: PositiveFloat = 0.05
    """Standard deviation of the noise on each distance [unit of distance]. More makes answers softer;
    problems that are decided by many sigmas pass no gradient."""
    seed: NonNegativeInt | Literal["fresh"] = 0
    """Seed of the noise, which is then a function of the slots and the same in every call; "fresh" draws new noise for
    every problem of every call from torch's generator."""
    gate: PositiveFloat | Literal["off"] = 3.0
    """Distance at which a pair costs as much as leaving its row and its column unmatched [unit of distance]; by default
    beyond any chord between directions. "off" matches as many pairs as there can be."""
