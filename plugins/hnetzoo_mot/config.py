"""Settings of the MOTChallenge dataset."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, FiniteFloat, PositiveInt, field_validator, model_validator

import hnetzoo

Distance = Literal["iou", "centre"]


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
    steps: PositiveInt = 5
    """Frames between rows and columns, in mode "tracking"."""
    distance: Distance = "iou"
    """"iou": 1 - intersection over union, 0..1; "centre": distance of the box centres over the mean of both heights."""
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

    @field_validator("sequences", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _check_sequences(self) -> Self:
        both = set(self.validation_sequences) & set(self.test_sequences)
        if both:
            raise ValueError(f"validation_sequences and test_sequences share {', '.join(sorted(both))}; name it once")
        return self
