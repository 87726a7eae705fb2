"""Settings of the mixture."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

import hnetzoo


class Part(hnetzoo.Config):
    """A dataset of the mixture."""

    dataset: str
    """A registered dataset. Parts of one dataset may draw the same scenes; other `samples` draw others."""
    share: PositiveFloat = 1.0
    """Its share of the problems, relative to the other parts."""
    settings: Mapping[str, Any] = Field(default_factory=dict)
    """Its settings, where they are not the defaults; its splits must hold as many problems as its share asks for."""
    units: tuple[PositiveFloat, PositiveFloat] = (1.0, 1.0)
    """Range of a factor of all distances of a problem, log-uniform."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.units[0] > self.units[1]:
            raise ValueError(f"units is the range {list(self.units)}; give the lower bound first")
        return self


class MixtureConfig(hnetzoo.Config):
    """Settings of mixture."""

    parts: tuple[Part, ...] = Field(default=(Part(dataset="doa"), Part(dataset="doa-tracks")), min_length=1)
    """The datasets, each {dataset, share, settings, units}."""
    samples: PositiveInt = 200_000
    """Training samples; validation and test splits have a tenth of it each, and at least one."""
