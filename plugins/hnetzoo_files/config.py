"""Settings of the datasets that are read from files."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, NonNegativeInt

import hnetzoo

Share = Annotated[float, Field(ge=0, le=1)]


class NpzConfig(hnetzoo.Config):
    """Settings of npz."""

    path: Path
    """The .npz file, as "hnetzoo generate" writes it: distance, association, and row_mask, col_mask, split if any."""
    validation_share: Share = 0.1
    """Share of the problems that selects the best epoch, where the file stores no split."""
    test_share: Share = 0.1
    """Share of the problems that reports, where the file stores no split."""
    split_seed: NonNegativeInt = 0
    """Fixes who is in which split; apart from the training seed, so that no seed trains on another's test problems."""
    unit: str = "unknown"
    """Unit of the distances, for people."""
