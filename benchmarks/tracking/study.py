"""Track every sequence with every matcher, and score the tracks."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.tracking.settings import SequenceEntry, TrackingSuite
from hnetzoo.benchmark.suite import ModelEntry
from hnetzoo.boxes import Boxes, Tracker, box_slots, match_boxes, read_boxes, score_tracks
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.resolution import resolve_model
from hnetzoo.registry.specs import FEATURES

ORACLE = "oracle"
"""Label of the row in which each detection has the identity of its ground truth."""
Row = dict[str, Any]
Ints = NDArray[np.int64]


class Video(NamedTuple):
    """A sequence at one frame rate."""

    name: str
    every: int
    truth: Boxes
    detections: Boxes

    def score(self, identity: Ints) -> dict[str, float | int]:
        """Return the scores of detections with these identities, [l]."""
        return score_tracks(self.truth, self.detections._replace(identity=identity), every=self.every).values()

    @property
    def oracle(self) -> Ints:
        """The identities of the ground truth that detections match, [l]; each other detection has its own."""
        last = int(max(self.truth.frame.max(), self.detections.frame.max()))
        rows, columns = box_slots(self.truth, last), box_slots(self.detections, last)
        pairs = match_boxes(rows, columns, 0.5)
        owner = np.where(pairs, rows.identity[:, :, None], -1).max(1)
        order = np.argsort(self.detections.frame, kind="stable")
        identity = np.empty(len(order), np.int64)
        identity[order] = owner[columns.exists]
        alone = self.truth.identity.max() + 1 + np.arange(len(order))
        return np.where(identity >= 0, identity, alone)


def read_video(entry: SequenceEntry, data: Path, every: int) -> Video:
    """Return a sequence at a frame rate."""
    folder = data / entry.folder
    truth, detections = (read_boxes(folder / name) for name in (entry.truth, entry.detections))
    return Video(folder.name, every, truth, detections.select((detections.frame - 1) % every == 0))


class Study:
    """The comparison of a suite.

    Args:
        suite: Settings.
        registry: Where matchers are looked up.
        data: Folder of the sequences.
    """

    def __init__(self, suite: TrackingSuite, registry: Registry, data: Path) -> None:
        self.suite, self.registry, self.data = suite, registry, data

    @cached_property
    def videos(self) -> dict[int, list[Video]]:
        """All sequences, by frame rate."""
        return {
            every: [read_video(entry, self.data, every) for entry in self.suite.sequences] for every in self.suite.every
        }

    def rows(self) -> Iterator[Row]:
        """Yield the row of every sequence, rate and matcher, the oracle first."""
        for every, videos in self.videos.items():
            for video in videos:
                yield {"model": ORACLE, "every": every, "sequence": video.name, **video.score(video.oracle)}
            for entry in self.suite.models:
                yield from self._rows(entry, every, videos)

    def _rows(self, entry: ModelEntry, every: int, videos: list[Video]) -> Iterator[Row]:
        """Yield the rows of a matcher; each sequence with the settings that are best on the others."""
        choices = entry.choices
        scores = [[video.score(self._track(entry, choice, video)) for video in videos] for choice in choices]
        for place, video in enumerate(videos):
            others = [index for index in range(len(videos)) if index != place]
            means = [fmean(of_choice[index][self.suite.choose_by] for index in others) for of_choice in scores]
            best = means.index(max(means))
            row = {"model": entry.title, "every": every, "sequence": video.name, "chosen": choices[best]}
            yield {**row, **scores[best][place]}

    def _track(self, entry: ModelEntry, choice: dict[str, Any], video: Video) -> Ints:
        resolved = resolve_model(entry.name, self.registry, {**entry.settings, **choice})
        most = int(np.bincount(video.detections.frame).max())
        matcher = resolved.load((most, most))
        shown = entry.features and FEATURES in resolved.spec.tags
        return Tracker(matcher, self.suite.tracker, features=shown).run(video.detections)
