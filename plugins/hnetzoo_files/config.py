"""Settings of the datasets that are read from files."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat

import hnetzoo


class NpzConfig(hnetzoo.SplitShares):
    """Settings of npz."""

    path: Path
    """The .npz file, as "hnetzoo generate" writes it: distance, association, and masks, activity, features
    and split if any. Or the folder that "hnetzoo generate --shards N" writes, which may be larger than the memory."""
    validation_share: hnetzoo.Share = 0.1
    """Share of the problems used to select the best epoch, where the file or folder stores no split."""
    test_share: hnetzoo.Share = 0.1
    """Share of the problems used for the reported metrics, where the file or folder stores no split."""
    split_seed: NonNegativeInt = 0
    """Decides which problem of a file is in which split; the training seed does not, so all runs have the same test
    split. A folder of a single split is divided in its order: training, validation, test."""
    unit: str = "unknown"
    """Unit of the distances, for display; a folder has its own unless one is given."""


class DOACsvConfig(hnetzoo.SplitShares):
    """Settings of doa-csv."""

    reference: Path
    """The true directions: DCASE metadata (frame, class, source, azimuth, elevation[, distance]) or plain lines (time,
    azimuth, elevation); angles in degrees, times in seconds. Or a folder of such .csv files, a recording each."""
    predicted: Path
    """The predicted directions, in either form; or a folder with a file of the same name for each of the references."""
    vertical_angle: Literal["elevation", "polar"] = "elevation"
    """"elevation": the last angle is measured from the horizon, -90..90; "polar": from the zenith, 0..180."""
    tolerance_s: NonNegativeFloat = 0.01
    """Largest difference of two times in one frame [seconds]; keep it below half the time between frames."""
    hop_s: PositiveFloat | None = None
    """Time between frames [seconds]: gives DCASE frames their time, and adds the silent frames that neither file
    mentions. None: 0.1 for DCASE; plain files then have only the frames that they mention."""
    truth: Literal["optimal", "identity"] = "optimal"
    """"optimal": the exact assignment within the gate; "identity": equal class and source, in DCASE files."""
    history: NonNegativeInt = 0
    """Frames over which the angular velocity of a reference is measured at most, by its class and source in a DCASE
    file, and offered as a feature (`hnetzoo.DIRECTION_FEATURES`); 0 offers none."""
    gate_deg: Annotated[float, Field(gt=0, le=180)] = 20.0
    """Largest angle of a true pair, with truth "optimal": pairs beyond are forbidden before matching [degrees]."""
    validation_share: hnetzoo.Share = 0.2
    """Share of the frames of each recording, before the test frames, used to select the best epoch."""
    test_share: hnetzoo.Share = 0.2
    """Share of the frames of each recording, the last ones, used for the reported metrics."""
