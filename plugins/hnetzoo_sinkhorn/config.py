"""Settings of sinkhorn."""

from typing import Literal, Self

from pydantic import PositiveFloat, PositiveInt, model_validator

import hnetzoo


class SinkhornConfig(hnetzoo.Config):
    """Settings of Sinkhorn; temperatures and costs are in the dataset's unit of distance."""

    iterations: PositiveInt = 100
    """Iterations of the annealing; each scales all rows, then all columns."""
    start_temperature: PositiveFloat = 0.32
    """Temperature of the first iteration [unit of distance], about a third of typical distances."""
    end_temperature: PositiveFloat = 0.002
    """Temperature of the last iteration [unit of distance], approached geometrically. Smaller is harder, and needs more
    iterations."""
    dustbin_cost: PositiveFloat | Literal["off"] = 1.5
    """Cost of leaving one row or column unmatched [unit of distance]: a pair is preferred to leaving both its slots
    unmatched if it is nearer than twice this; the default, twice 1.5, is above any chord between directions. "off"
    matches as many pairs as possible."""
    tolerance: PositiveFloat | None = None
    """Continue at the end temperature until no column's mass has a larger error than this; none by default."""
    max_iterations: PositiveInt = 10_000
    """Largest number of iterations in all if a tolerance is given; near-ties at low temperatures can need more."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.start_temperature < self.end_temperature:
            raise ValueError(
                f"start_temperature {self.start_temperature} is below end_temperature {self.end_temperature}; "
                "annealing lowers it"
            )
        if self.tolerance is not None and self.max_iterations < self.iterations:
            raise ValueError(f"max_iterations {self.max_iterations} is below iterations {self.iterations}")
        return self
