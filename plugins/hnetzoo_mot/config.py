"""Settings of the datasets of boxes, and of two-stage matching."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FiniteFloat, NonNegativeFloat, PositiveInt, field_validator, model_validator

import hnetzoo

Range = tuple[FiniteFloat, FiniteFloat]
Probability = Annotated[float, Field(ge=0, le=1)]
ProbabilityRange = tuple[Probability, Probability]


class MOTConfig(hnetzoo.SplitShares):
    """Settings of mot."""

    sequences: tuple[Path, ...] = Field(min_length=1)
    """Sequence folders; a folder without its own ground truth stands for the sequences in it, sorted by name."""
    reference_file: str = "gt/gt.txt"
    """Ground truth of a sequence, relative to its folder; {sequence} stands for the folder's name."""
    prediction_file: str = "det/det.txt"
    """Detections or tracker output of a sequence, likewise, for example "../../trackers/mine/{sequence}.txt"."""
    mode: Literal["detections", "tracking"] = "detections"
    """"detections": ground truth against predictions of a frame; "tracking": predictions of a frame against those some
    steps later, where pairs with the same ground-truth identity are true."""
    steps: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (5,)
    """Frames between rows and columns, in mode "tracking"; of several numbers, each split has the problems of all."""
    distance: hnetzoo.BoxDistance = "iou"
    """"iou": 1 - intersection over union, 0..1; "centre": distance of the box centres over the mean of both heights;
    "iou-motion" and "motion": the same from where the velocity of a track points."""
    history: PositiveInt = 5
    """Frames over which the velocity of a track is measured at most, in mode "tracking"."""
    iou_threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Least IoU at which a prediction can belong to a ground-truth box; pairs below are forbidden before matching. A
    prediction without a box has no identity in mode "tracking"."""
    min_confidence: FiniteFloat | None = None
    """Leave out predictions of lower confidence [as in the file]."""
    keep_ignored: bool = False
    """Use boxes that the ground truth marks as ignored (column 7 is 0) like any other; otherwise they and the
    predictions that match them are left out."""
    validation_share: hnetzoo.Share = 0.2
    """Share of each sequence, before the test frames, used to select the best epoch."""
    test_share: hnetzoo.Share = 0.2
    """Share of each sequence, its last frames, used for the reported metrics."""
    validation_sequences: tuple[str, ...] = ()
    """Names of whole sequences used to select the best epoch; these or test_sequences replace the shares."""
    test_sequences: tuple[str, ...] = ()
    """Names of whole sequences used for the reported metrics."""

    @field_validator("sequences", "steps", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Path | int) else value

    @field_validator("steps")
    @classmethod
    def _check_steps(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("a number is repeated, and its problems would be; name each once")
        return value

    @model_validator(mode="after")
    def _check_sequences(self) -> Self:
        both = set(self.validation_sequences) & set(self.test_sequences)
        if both:
            raise ValueError(f"validation_sequences and test_sequences share {', '.join(sorted(both))}; name it once")
        return self

    @property
    def gaps(self) -> tuple[int, ...]:
        """Frames between rows and columns; 0 where both are of one frame."""
        return self.steps if self.mode == "tracking" else (0,)


class BoxTracksConfig(hnetzoo.Config):
    """Settings of box-tracks. Each range is uniform, for each problem or each person anew."""

    max_boxes: PositiveInt = 16
    """Slots per side; there are up to so many people, fewer of whom are in view."""
    samples: PositiveInt = 20_000
    """Training samples; validation and test splits have a tenth of it each, and at least one."""
    mode: Literal["detections", "tracking"] = "tracking"
    """As in mot: "detections" matches the true boxes of a frame with its detections."""
    distance: hnetzoo.BoxDistance = "iou"
    """As in mot."""
    iou_threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    """As in mot, in mode "detections"; in mode "tracking" a detection is of whom it was drawn for."""
    gap: tuple[PositiveInt, PositiveInt] = (1, 30)
    """Frames between references and predictions, in mode "tracking"."""
    frame_rate: Range = (6.0, 30.0)
    """Frames per second."""
    history: PositiveInt = 5
    """Frames over which the velocity of a track is measured at most."""
    new: Probability = 0.05
    """Probability that a track is new and has no velocity; the others are one frame old or older."""
    lost: Probability = 0.05
    """Probability that a track was last seen before the frame of the references, as happens in a tracker."""
    lost_frames: PositiveInt = 20
    """Frames for which such a track has not been seen, at most."""
    height_m: Range = (1.5, 1.9)
    """Height of people [m]."""
    width: Range = (0.28, 0.5)
    """Width of boxes [box heights]."""
    depth_m: Range = (4.0, 40.0)
    """Distance from the camera, log-uniform [m]."""
    speed_m: Range = (0.3, 2.0)
    """Walking speed [m/s]."""
    standing: Probability = 0.15
    """Probability that somebody stands still."""
    turn_deg: Range = (-20.0, 20.0)
    """Change of the heading of somebody who walks [degrees/s]."""
    grouped: Probability = 0.35
    """Probability of walking with somebody else, at the same velocity."""
    spacing_m: Range = (0.4, 1.0)
    """Distance to whom somebody walks with, sideways [m]."""
    camera_height_m: Range = (1.0, 7.0)
    """Height of the camera above the ground [m]; it looks at people in the middle of the range of depths."""
    focal_length: Range = (0.8, 2.5)
    """Focal length [image heights]."""
    aspect: Range = (1.3, 1.8)
    """Width of the image [image heights]."""
    moving: Probability = 0.6
    """Probability that the camera moves."""
    driving: Probability = 0.4
    """Probability that a moving camera is on a vehicle, and so drives and does not zoom."""
    pan_deg: Range = (-20.0, 20.0)
    """Turn of a moving camera [degrees/s]."""
    zoom: Range = (-0.15, 0.15)
    """Growth of the log of the focal length of a moving camera [1/s]."""
    forward_m: Range = (0.0, 10.0)
    """Speed of a vehicle [m/s]."""
    vehicle_height_m: Range = (1.2, 2.0)
    """Height of the camera of a vehicle [m]."""
    shaking: Probability = 0.5
    """Probability that the image shakes."""
    shake: Range = (0.0, 0.01)
    """Standard deviation of the displacement of a shaking image, from frame to frame [image heights]."""
    miss_rate: ProbabilityRange = (0.0, 0.25)
    """Probability that somebody in view is not detected."""
    clutter_rate: ProbabilityRange = (0.0, 0.12)
    """Probability that a slot without anybody holds a false alarm, on either side."""
    lasting_rate: ProbabilityRange = (0.0, 0.3)
    """Probability that a false alarm is found again in the later frame; half of them move with somebody."""
    lasting_pairs: bool = False
    """Whether a false alarm that is found again is a true pair, as for a tracker, which is to keep what stays; by
    default pairs are of people alone, as references are."""
    hidden: Probability = 0.7
    """Probability that somebody is not detected of whom others who are nearer cover more than half."""
    centre_noise: Range = (0.004, 0.06)
    """Standard deviation of the centre of a detection [box heights]."""
    size_noise: Range = (0.01, 0.1)
    """Standard deviation of the log of the height of a detection; that of the width is twice as large."""
    size_bias: Range = (-0.1, 0.2)
    """Mean of the log of the width of detections over that of people; that of the height is 0.3 of it."""
    misfit_rate: ProbabilityRange = (0.0, 0.05)
    """Probability that somebody's detections fit badly: their noise is three times as large."""
    confidence: Range = (1.0, 5.0)
    """Mean of the log odds of the confidence of detections; its standard deviation is 1."""
    confidence_drop: Range = (0.0, 3.0)
    """By how much that mean is lower for false alarms and detections that fit badly."""
    unscored: Probability = 0.25
    """Probability that all confidences of a scene are 1."""

    @field_validator("*", mode="after")
    @classmethod
    def _check_range(cls, value: Any) -> Any:
        if isinstance(value, tuple) and value[0] > value[1]:
            raise ValueError(f"the range {value} ends below its start; give (low, high)")
        return value

    @model_validator(mode="after")
    def _check_cells(self) -> Self:
        hnetzoo.check_cells(self.samples, self.max_boxes, self.max_boxes)
        return self

    @property
    def extent(self) -> hnetzoo.Extent:
        """What the dataset holds."""
        return hnetzoo.Extent.generated(hnetzoo.box_unit(self.distance), self.max_boxes, self.samples)


class TwoStageConfig(hnetzoo.Config):
    """Settings of two-stage matching."""

    sure: FiniteFloat = 0.6
    """Least confidence of a detection that is matched in the first stage [as in the file]."""
    gate: NonNegativeFloat = 0.8
    """Largest distance of a pair in the first stage [the dataset's unit]."""
    second_gate: NonNegativeFloat = 0.5
    """The same in the second stage."""
