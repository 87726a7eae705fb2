"""Settings of the localizer studies, read from a TOML file: scenes, training, criteria, scenarios, seeds and tuning."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from hnetzoo import Config
from hnetzoo.config import read_toml, validate

Term = Literal["distance", "false_positives", "misses", "switches", "activity", "classes"]
Kind = Literal["fixed-order", "permutation-invariant", "adpit", "tracking"]
Tuned = Literal["learning_rate", "switch_cost", "distance", "false_positives", "misses", "switches", "activity"]
Range = tuple[PositiveFloat, PositiveFloat]


class RoomSettings(Config):
    """Settings of random shoebox rooms, around an array near their middle; ranges are uniform, ends included."""

    length_m: Range = (5.0, 9.0)
    """Extent along x [metres]."""
    width_m: Range = (4.0, 7.0)
    """Extent along y [metres]."""
    height_m: Range = (2.8, 4.0)
    """Extent along z [metres]."""
    place: Range = (0.4, 0.6)
    """Where the array is, as shares of the three extents."""
    reach: Range = (0.5, 0.95)
    """Distance of a source from the array, as a share of the distance of the nearest wall."""
    absorption: tuple[NonNegativeFloat, Annotated[float, Field(le=1)]] = (0.2, 0.6)
    """Share of the energy that a wall absorbs, at all frequencies; each of the six has its own."""


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
    """Power of an active source, without reflections, over that of the diffuse noise, in the omnidirectional channel
    [dB]."""
    classes: bool = False
    """Whether a source has one of the three sound classes; if not, all are of one, a mix."""
    same_class: bool = False
    """Whether all sources of a scene have the same class."""
    room: RoomSettings | None = None
    """The room whose walls reflect the sources; none without."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.same_class and not self.classes:
            raise ValueError("same_class is true while classes is false; it needs classes = true")
        return self


class TrainingSettings(Config):
    """Settings of training a localizer, for all criteria."""

    epochs: PositiveInt = 20
    """Passes over the training scenes; the most, if there is a patience."""
    patience: PositiveInt | None = None
    """Epochs without a better validation after which the training ends; None takes all epochs."""
    warmup: NonNegativeInt = 0
    """Epochs at the beginning that are neither selected nor counted by the patience. While the rate rises, a localizer
    may be silent, which GOSPA prefers to one that hears and is not yet right."""
    averaging: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the moving average of weights that a step keeps; the average is validated and kept. None keeps the
    weights themselves."""
    batch_size: PositiveInt = 8
    """Scenes per step; an incomplete batch is dropped."""
    learning_rate: PositiveFloat = 0.003
    """Learning rate at the peak of the one-cycle schedule, which is as long as all epochs."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled decay of all weights, in units of the learning rate."""
    gate_deg: PositiveFloat = 30.0
    """Gate of MOTA and cutoff of GOSPA, which selects the epoch [degrees]."""
    channels: tuple[PositiveInt, PositiveInt, PositiveInt] = (32, 48, 64)
    """Channels of the localizer's convolutions."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.warmup >= self.epochs:
            raise ValueError(f"a warmup of {self.warmup} leaves none of {self.epochs} epochs to select")
        return self


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
    kind: Kind
    """Kind of loss."""
    matcher: str = ""
    """Model that "tracking" uses: a registered name, or name@variant."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """The matcher's settings."""
    variant: Literal["deepmot", "doa-net"] = "deepmot"
    """Formulas that "tracking" uses."""
    level: Literal["frame", "track"] = "frame"
    """What "permutation-invariant" pairs anew: every frame, or every scene."""
    switch_cost: NonNegativeFloat = 0.0
    """Price of a change of the pairing in "permutation-invariant" [squared distance of unit vectors]."""
    class_cost: NonNegativeFloat = 0.5
    """Price of a wrong class when pairing, times 1 - its probability [unit of the matcher's distance]."""
    weights: dict[Term, PositiveFloat] = Field(default_factory=dict)
    """Weights of terms; 1 by default."""
    learning_rate: PositiveFloat | None = None
    """Learning rate; None takes that of the study."""
    search: dict[Tuned, Range] = Field(default_factory=dict)
    """Ranges of what tuning draws, even in logarithms: learning rate, price of a switch, or weights of terms."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.kind == "tracking") != bool(self.matcher):
            raise ValueError(f"'{self.label}' is {self.kind} with matcher '{self.matcher}'; only tracking takes one")
        return self


class ScenarioEntry(Config):
    """Scenes that criteria are compared on."""

    label: str
    """Name in the reports."""
    sources: PositiveInt
    """Largest number of sources at a time, and the localizer's number of outputs."""
    same_class: bool = False
    """Whether all sources of a scene have the same class."""
    tuned_on: str = ""
    """Label of the scenario whose tuning it takes; empty for its own."""


class TuningSettings(Config):
    """How settings of the criteria are chosen, on validation scenes of a seed that is not reported."""

    trials: PositiveInt
    """Trainings of each criterion: one with its settings as written, the others drawn from its ranges."""
    seed: NonNegativeInt
    """Seed of the scenes, the initial weights and the draws."""


class Study(Config):
    """Settings of a study: every criterion is trained for every scenario and seed."""

    scenarios: tuple[ScenarioEntry, ...]
    """Scenes to compare on."""
    seeds: tuple[NonNegativeInt, ...] = (0, 1, 2)
    """Reported seeds of the scenes, the initial weights and the order of training."""
    criteria: tuple[CriterionEntry, ...]
    """Criteria to compare."""
    tuning: TuningSettings | None = None
    """How settings are chosen; None takes those written."""
    opponents: tuple[str, ...] = ()
    """Labels of the criteria that the tracking loss of the best validation is tested against."""
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
        labels = {entry.label for entry in self.criteria}
        if missing := [name for name in self.opponents if name not in labels]:
            raise ValueError(f"opponent '{missing[0]}' is no criterion; choose among {sorted(labels)}")
        if self.tuning:
            self._check_tuning(self.tuning)
        return self

    def _check_tuning(self, tuning: TuningSettings) -> None:
        own = {scenario.label for scenario in self.scenarios if not scenario.tuned_on}
        if missing := [entry.tuned_on for entry in self.scenarios if entry.tuned_on and entry.tuned_on not in own]:
            raise ValueError(f"tuned_on is '{missing[0]}'; scenarios with a tuning of their own are {sorted(own)}")
        if tuning.seed in self.seeds:
            raise ValueError(f"tuning.seed {tuning.seed} is among the reported seeds; choose another one")
        if len({len(entry.search) for entry in self.criteria}) > 1:
            numbers = {entry.label: len(entry.search) for entry in self.criteria}
            raise ValueError(f"criteria search different numbers of settings ({numbers}); give each the same number")


def read_study(path: Path) -> Study:
    """Return the study of a file; raises ConfigError naming what is wrong with it.

    Example:
        >>> study = read_study(Path(__file__).parent / "first.toml")
        >>> [scenario.label for scenario in study.scenarios], study.seeds
        (['1 source', '2 sources', '3 sources'], (0, 1, 2))
    """
    return validate(Study, read_toml(path), f"study '{path}'")
