"""What the localizer study runs, read from a TOML file: scenes, training, criteria, source counts and seeds."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from hnetzoo import Config
from hnetzoo.config import read_toml, validate

Term = Literal["distance", "false_positives", "misses", "switches", "activity"]


class SceneSettings(Config):
    """How scenes are drawn; ranges are uniform, their ends included."""

    train: PositiveInt = 800
    """Scenes to learn from."""
    validation: PositiveInt = 100
    """Scenes that choose the epoch."""
    test: PositiveInt = 200
    """Scenes that report."""
    frames: PositiveInt = 40
    """Label frames of a scene, a tenth of a second each."""
    life_frames: tuple[PositiveInt, PositiveInt] = (15, 40)
    """From a source's birth to its death [label frames]."""
    gap_frames: tuple[NonNegativeInt, PositiveInt] = (5, 20)
    """From a death to the next birth in the same slot [label frames]."""
    speed_deg: tuple[NonNegativeFloat, NonNegativeFloat] = (0.0, 40.0)
    """Angular speed along a great circle [degrees per second]."""
    snr_db: tuple[float, float] = (5.0, 20.0)
    """Power of a source while it lives over that of the diffuse noise, in the omnidirectional channel [dB]."""


class TrainingSettings(Config):
    """How a localizer is trained, whatever the criterion."""

    epochs: PositiveInt = 20
    """Passes over the training scenes."""
    batch_size: PositiveInt = 8
    """Scenes per step; an incomplete batch is dropped."""
    learning_rate: PositiveFloat = 0.003
    """Rate at the peak of its cycle."""
    weight_decay: NonNegativeFloat = 0.01
    """Decay of all weights, in units of the rate."""
    gate_deg: PositiveFloat = 30.0
    """Farther pairs do not match in MOTA, and cost no more than this in the score that selects [degrees]."""


class MatcherTraining(Config):
    """How a matcher of fixed size is trained where its shipped weights are too small, on "doa" with known counts."""

    samples: PositiveInt = 400_000
    """Training problems."""
    epochs: PositiveInt = 4
    """Passes over them."""


class CriterionEntry(Config):
    """A row of the table."""

    label: str
    """What the reports call it."""
    kind: Literal["fixed-order", "permutation-invariant", "tracking"]
    """Which loss."""
    matcher: str = ""
    """The model behind "tracking": a registered name, or name@variant."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The matcher's settings."""
    variant: Literal["deepmot", "doa-net"] = "deepmot"
    """Which formulas "tracking" uses."""
    weights: dict[Term, PositiveFloat] = Field(default_factory=dict)
    """Of terms; 1 where not named."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.kind == "tracking") != bool(self.matcher):
            raise ValueError(f"'{self.label}' is {self.kind} with matcher '{self.matcher}'; only tracking takes one")
        return self


class Study(Config):
    """Every criterion at every number of sources with every seed."""

    sources: tuple[PositiveInt, ...] = (1, 2, 3)
    """Most sources at a time, and the localizer's number of outputs."""
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    """Draw the scenes, the initial weights and the order of training."""
    criteria: tuple[CriterionEntry, ...]
    """What is compared."""
    scenes: SceneSettings = SceneSettings()
    """Of all jobs."""
    training: TrainingSettings = TrainingSettings()
    """Of all jobs."""
    matchers: MatcherTraining = MatcherTraining()
    """Of all matchers that need it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scenes.train < self.training.batch_size:
            raise ValueError(f"{self.scenes.train} scenes to train on make no batch of {self.training.batch_size}")
        return self


def read_study(path: Path) -> Study:
    """Read a study; raises ConfigError naming what is wrong with the file.

    Example:
        >>> study = read_study(Path(__file__).parent / "quick.toml")
        >>> study.sources, study.seeds
        ((2,), (0,))
    """
    return validate(Study, read_toml(path), f"study '{path}'")
