"""Settings of perturbed."""

from typing import Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

import hnetzoo


class PerturbedConfig(hnetzoo.Config):
    """Settings of Perturbed."""

    samples: PositiveInt = 32
    """Perturbed copies of every problem. All noise is used with both signs, so exact ties stay undecided; an odd number
    includes the problem without noise, which decides ties as the exact solver does."""
    sigma: PositiveFloat = 0.05
    """Standard deviation of the noise on each distance [unit of distance]. Larger is softer; problems whose
    optimum is better by many sigmas get no gradient."""
    seed: NonNegativeInt | Literal["fresh"] = 0
    """Seed of the noise, which is then the same in every call for the same slots; "fresh" draws new noise for every
    problem in every call, from torch's generator."""
    gate: PositiveFloat | Literal["off"] = 3.0
    """Distance at which a pair costs as much as leaving its row and its column unmatched [unit of distance]; the
    default is above any chord between directions. "off" matches as many pairs as possible."""
