"""Settings of the linear assignment task."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt, model_validator

import hnetzoo

Costs = Literal["uniform", "gaussian", "clustered", "directions"]
UNITS: Mapping[Costs, str] = {
    "uniform": "cost",
    "gaussian": "cost",
    "clustered": "sides of the unit square",
    "directions": "chord",
}


class LSAPConfig(hnetzoo.Config):
    """Settings of lsap."""

    max_size: PositiveInt = 8
    """Slots per side."""
    min_size: NonNegativeInt = 2
    """Fewest existing slots per side; sizes are uniform in min_size..max_size and mixed in one batch."""
    form: Literal["square", "rectangular"] = "square"
    """"square": as many rows as columns; "rectangular": both drawn independently."""
    costs: Costs = "uniform"
    """"uniform": independent in [0, 1); "gaussian": independent standard normal, so half are negative; "clustered":
    Euclidean distances of points around a few common centres in the unit square; "directions": chords between
    uniformly random directions, 0..2."""
    clusters: PositiveInt = 3
    """Centres per problem, for clustered costs."""
    spread: PositiveFloat = 0.05
    """Standard deviation of the points around their centre per axis, for clustered costs [sides of the square]."""
    samples: PositiveInt = 100_000
    """Training samples; validation and test splits have a tenth of it each, and at least one."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        hnetzoo.check_cells(self.samples, self.max_size, self.max_size)
        if self.min_size > self.max_size:
            raise ValueError(f"min_size is {self.min_size} and must not exceed max_size, {self.max_size}")
        return self

    @property
    def extent(self) -> hnetzoo.Extent:
        """What the dataset holds."""
        return hnetzoo.Extent.generated(UNITS[self.costs], self.max_size, self.samples)
