"""Settings of sinkhorn."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, PositiveFloat, PositiveInt, model_validator

import hnetzoo


class SinkhornConfig(hnetzoo.Config):
    """Settings of Sinkhorn."""

    unmatched: Annotated[FiniteFloat, Field(ge=0)] | Literal["never"] = "never"
    """"never" makes as many pairs as possible; a number is the cost of leaving one row or column unmatched [unit of
    distance]: a pair is made only if it is nearer than twice this."""
    iterations: PositiveInt = 50
    """Steps of the annealing; each updates all rows, then all columns."""
    start_temperature: PositiveFloat = 0.3
    """Temperature of the first step [scale]."""
    end_temperature: PositiveFloat = 6e-5
    """Temperature of the last step [scale], approached geometrically. Smaller is harder, and needs more iterations."""
    training_temperature: PositiveFloat = 0.1
    """Annealing stops at this temperature if distances require a gradient; colder plans pass almost none. Temperatures
    in the scale of the problem are then in units of its mean distance, so that near ties stay uncertain."""
    relaxation: Annotated[float, Field(ge=1, lt=2)] = 1.8
    """Relaxation of the updates; 1 is the plain Sinkhorn iteration. Near 2, few iterations are unstable."""
    scale: PositiveFloat | Literal["problem"] = "problem"
    """Unit of the temperatures: "problem" takes the typical difference between the distances of each problem, so that
    the unit of the distances does not matter; a number is in units of distance."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.start_temperature < self.end_temperature:
            raise ValueError(
                f"start_temperature {self.start_temperature} is below end_temperature {self.end_temperature}; "
                "annealing lowers it"
            )
        return self
