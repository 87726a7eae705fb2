"""Settings of the localizer study, read from a TOML file: scenes, training, criteria, source counts and seeds."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from hnetzoo import Config
from hnetzoo.config import read_toml, validate

Term = Literal["distance", "false_positives", "misses", "switches", "activity"]


class SceneSettings(Config):
    """Settings of random scenes; ranges are uniform, ends included."""

    train: PositiveInt = 800
    """Training scenes."""
    validation: PositiveInt = 100
    """Validation scenes, which select the epoch."""
    test: PositiveInt = 200
    """Test scenes, for the reported metrics."""
    frames: PositiveInt = 40
    """Label frames of a scene, a tenth of a second each."""
    life_frames: tuple[PositiveInt, PositiveInt] = (15, 40)
    """Time from a source's birth to its death [label frames]."""
    gap_frames: tuple[NonNegativeInt, PositiveInt] = (5, 20)
    """Time from a death to the next birth in the same slot [label frames]."""
    speed_deg: tuple[NonNegativeFloat, NonNegativeFloat] = (0.0, 40.0)
    """Angular speed along a great circle [degrees per second]."""
    snr_db: tuple[float, float] = (5.0, 20.0)
    """Power of an active source over that of the diffuse noise, in the omnidirectional channel [dB]."""


class TrainingSettings(Config):
    """Settings of training a localizer, for all criteria."""

    epochs: PositiveInt = 20
    """Passes over the training scenes."""
    batch_size: PositiveInt = 8
    """Scenes per step; an incomplete batch is dropped."""
    learning_rate: PositiveFloat = 0.003
    """Learning rate at the peak of the one-cycle schedule."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled decay of all weights, in units of the learning rate."""
    gate_deg: PositiveFloat = 30.0
    """Gate of MOTA and cutoff of GOSPA, which selects the epoch [degrees]."""


class MatcherTraining(Config):
    """Settings of training a matcher of fixed size whose weights are for fewer sources, on "doa" with masked slots."""

    samples: PositiveInt = 400_000
    """Training problems."""
    epochs: PositiveInt = 4
    """Passes over the training problems."""


class CriterionEntry(Config):
    """A criterion, which is a row of the table."""

    label: str
    """Name in the reports."""
    kind: Literal["fixed-order", "permutation-invariant", "tracking"]
    """Kind of loss."""
    matcher: str = ""
    """Model that "tracking" uses: a registered name, or name@variant."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The matcher's settings."""
    variant: Literal["deepmot", "doa-net"] = "deepmot"
    """Formulas that "tracking" uses."""
    weights: dict[Term, PositiveFloat] = Field(default_factory=dict)
    """Weights of terms; 1 by default."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.kind == "tracking") != bool(self.matcher):
            raise ValueError(f"'{self.label}' is {self.kind} with matcher '{self.matcher}'; only tracking takes one")
        return self


class Study(Config):
    """Settings of a study: every criterion is trained for every number of sources and seed."""

    sources: tuple[PositiveInt, ...] = (1, 2, 3)
    """Largest number of sources at a time, and the localizer's number of outputs."""
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    """Seeds of the scenes, the initial weights and the order of training."""
    criteria: tuple[CriterionEntry, ...]
    """Criteria to compare."""
    scenes: SceneSettings = SceneSettings()
    """Scenes of all jobs."""
    training: TrainingSettings = TrainingSettings()
    """Training in all jobs."""
    matchers: MatcherTraining = MatcherTraining()
    """Training of all matchers that need it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scenes.train < self.training.batch_size:
            raise ValueError(f"{self.scenes.train} training scenes are less than a batch of {self.training.batch_size}")
        return self


def read_study(path: Path) -> Study:
    """Return the study of a file; raises ConfigError naming what is wrong with it.

    Example:
        >>> study = read_study(Path(__file__).parent / "quick.toml")
        >>> study.sources, study.seeds
        ((2,), (0,))
    """
    return validate(Study, read_toml(path), f"study '{path}'")
