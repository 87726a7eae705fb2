"""Settings of the DOA datasets."""

from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveInt, model_validator

import hnetzoo

UNIT = "chord"  # of the distances of all DOA datasets
EVALUATION_SHARE = 10  # the training split is so many times as large as the validation or the test split

LARGEST_POSTERIOR = 12  # slots

Resolution = Literal[1, 2, 3, 4, 5, 10, 15, 20, 30]
Probability = Annotated[float, Field(ge=0, le=1)]
Range = tuple[FiniteFloat, FiniteFloat]


class DOAReferenceConfig(hnetzoo.Config):
    """Settings of the protocol of the original Hnet."""

    max_doas: PositiveInt = 2
    """Slots per side; there are 0..max_doas references and predictions."""
    samples: tuple[NonNegativeInt, ...] = (3000, 5000, 15000)
    """Training samples per resolution and pair of counts, by min(n_ref, n_pred); the last number is for all larger
    counts. Validation and test splits have a tenth of it each."""
    resolutions_deg: tuple[Resolution, ...] = (1, 2, 3, 4, 5, 10, 15, 20, 30)
    """Spacings of the angle grid [degrees]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.samples or not self.resolutions_deg:
            raise ValueError("samples and resolutions_deg need at least one entry")
        elevations = 180 // max(self.resolutions_deg) + 1
        if self.max_doas > elevations:
            raise ValueError(
                f"the protocol draws elevations without replacement and has only {elevations} at "
                f"{max(self.resolutions_deg)} degrees; use max_doas <= {elevations} or finer resolutions_deg"
            )
        problems = len(self.resolutions_deg) * (self.max_doas + 1) ** 2 * max(self.samples)
        hnetzoo.check_cells(problems, self.max_doas, self.max_doas)
        return self

    @property
    def extent(self) -> hnetzoo.Extent:
        """What the dataset holds; the tenths of the samples are rounded down for each resolution and pair of counts."""
        sides, last = range(self.max_doas + 1), len(self.samples) - 1
        samples = [self.samples[min(n, m, last)] for n in sides for m in sides] * len(self.resolutions_deg)
        evaluation = sum(count // EVALUATION_SHARE for count in samples)
        return hnetzoo.Extent(UNIT, (self.max_doas, self.max_doas), sum(samples), evaluation, evaluation)


class DOAConfig(hnetzoo.Config):
    """Settings of the corrected task."""

    max_doas: PositiveInt = 2
    """Slots per side; there are 0..max_doas references and predictions, uniformly."""
    samples: PositiveInt = 400_000
    """Training samples; validation and test splits have a tenth of it each, and at least one."""
    counts: Literal["hidden", "known"] = "hidden"
    """"hidden": inactive slots exist and hold far points; "known": they are masked out."""
    independent: Probability = 0.5
    """Share of problems whose predictions are all independent of the references."""
    miss_rate: Probability = 0.1
    """Probability that the prediction of a reference is replaced by a false alarm, in the other problems."""
    noise_deg: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] = (1.0, 30.0)
    """Range of the angular noise of a problem, log-uniform [degrees, standard deviation per tangent axis]."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        hnetzoo.check_cells(self.samples, self.max_doas, self.max_doas)
        return self

    @property
    def extent(self) -> hnetzoo.Extent:
        """What the dataset holds."""
        return hnetzoo.Extent.generated(UNIT, self.max_doas, self.samples)


class DOATracksConfig(hnetzoo.Config):
    """Settings of the task whose truth is identity."""

    max_doas: PositiveInt = 4
    """Slots per side; there are 0..max_doas sources, uniformly."""
    samples: PositiveInt = 200_000
    """Training samples; validation and test splits have a tenth of it each, and at least one."""
    counts: Literal["known", "hidden"] = "known"
    """"known": slots without an observation are masked out; "hidden": they exist and hold far points."""
    steps: PositiveInt = 10
    """Frames between the references and the predictions."""
    motion: Literal["great-circle", "random-walk"] = "great-circle"
    """"great-circle": a source keeps its heading, which is uniform; "random-walk": it draws a new one every step."""
    speed_deg: Range = (0.0, 5.0)
    """Range of the speed, uniform [degrees per step]."""
    acceleration_deg: Range = (0.0, 0.0)
    """Range of the acceleration along the great circle, uniform [degrees per step^2]."""
    history: NonNegativeInt = 0
    """Steps before the references since which angular velocities are measured, with the same noise, and offered as
    features (`hnetzoo.DIRECTION_FEATURES`); 0 offers none."""
    speeds: Literal["scene", "source"] = "scene"
    """"scene": the sources of a problem share one speed and acceleration, so that each tells about the others;
    "source": each has its own."""
    noise_deg: Annotated[float, Field(ge=0.1)] = 3.0
    """Angular noise of the observations in both frames [degrees, standard deviation per tangent axis]."""
    miss_rate: Probability = 0.2
    """Probability that a source of the earlier frame is not predicted in the later one."""
    clutter_rate: Probability = 0.3
    """Probability that a prediction slot without a source holds a false alarm, uniform on the sphere.
    `DOATracks.gate` returns the Bayes gate for these settings."""
    posterior: bool = False
    """Whether the problems say how likely each pair is true given all distances (`AssociationBatch.probability`), to
    train against it: exact, for known counts, and in time that doubles with every slot."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        hnetzoo.check_cells(self.samples, self.max_doas, self.max_doas)
        for name in ("speed_deg", "acceleration_deg"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is the range [{low}, {high}]; give the lower bound first")
        if self.motion == "random-walk" and any(self.acceleration_deg):
            raise ValueError("a random walk has no heading to accelerate along; set acceleration_deg to [0, 0]")
        if self.history and self.counts == "hidden":
            raise ValueError("features would tell which slots are active; set counts to 'known', or history to 0")
        if self.posterior and (self.counts == "hidden" or self.history):
            raise ValueError("the posterior is of distances and known counts; set counts to 'known', history to 0")
        if self.posterior and self.max_doas > LARGEST_POSTERIOR:
            raise ValueError(f"the posterior takes twice as long with every slot; use max_doas <= {LARGEST_POSTERIOR}")
        return self

    @property
    def extent(self) -> hnetzoo.Extent:
        """What the dataset holds."""
        return hnetzoo.Extent.generated(UNIT, self.max_doas, self.samples)
