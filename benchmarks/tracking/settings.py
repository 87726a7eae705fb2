"""Settings of the comparison, read from a TOML file: sequences, frame rates, matchers and the tracker."""

from pathlib import Path
from typing import Literal

from pydantic import Field, PositiveInt

from hnetzoo import Config
from hnetzoo.benchmark.suite import ModelEntry
from hnetzoo.boxes import TrackerConfig
from hnetzoo.config import read_toml, validate


class SequenceEntry(Config):
    """A sequence: a folder with detections and ground truth as MOTChallenge files."""

    folder: Path
    """Relative to --data."""
    detections: str
    """File of the folder."""
    truth: str = "gt.txt"
    """File of the folder."""


class TrackingSuite(Config):
    """Settings of a comparison; every matcher tracks every sequence at every rate."""

    sequences: tuple[SequenceEntry, ...] = Field(min_length=2)
    """Sequences; settings of a matcher are chosen on all the others."""
    every: tuple[PositiveInt, ...] = (1, 3, 5, 10)
    """Frame rates: every so many frames are used."""
    models: tuple[ModelEntry, ...]
    """Matchers; `tune` lists settings to choose from, of equals the first."""
    reference: str
    """Label of the matcher with which the others are compared."""
    tracker: TrackerConfig = TrackerConfig()
    """Settings of the tracker, for all matchers."""
    choose_by: Literal["idf1", "assa", "hota"] = "idf1"
    """Score by which settings are chosen, as a mean over sequences."""


def read_suite(path: Path) -> TrackingSuite:
    """Return the suite of a file; raises ConfigError naming what is wrong with it."""
    return validate(TrackingSuite, read_toml(path), f"suite '{path}'")
