"""Boxes and settings for the tests of dataset mot."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import hnetzoo

Line = tuple[float, ...]
Lines = Iterable[Line] | str
WriteSequence = Callable[..., Path]


def load_mot(path: Any, split: hnetzoo.Split = "train", seed: int = 0, **settings: Any) -> hnetzoo.AssociationBatch:
    """Return a split; by default, all frames are training frames."""
    shares = {"validation_share": 0, "test_share": 0} if split == "train" else {}
    return hnetzoo.load_dataset("mot", sequences=path, **{**shares, **settings}).load(split, seed)


def box(frame: int, identity: int, left: float, top: float = 0.0, *more: float) -> Line:
    """Return the line of a box of 10 x 10 pixels, with confidence 1 by default."""
    return (frame, identity, left, top, 10.0, 10.0, *(more or (1.0,)))
