"""Dataset box-tracks: association of synthetic boxes across frames by identity.

Rows are the boxes of tracks in a frame, columns the detections some frames later: the same people, who have walked on
before a camera that may have panned, zoomed, shaken or driven, without those missed, hidden or out of view, and with
false alarms and those who have come into view. The truth is identity.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

import hnetzoo
from hnetzoo_mot.boxes import FEATURES, Floats, box_distance, box_features, covered_share, unit
from hnetzoo_mot.config import BoxTracksConfig
from hnetzoo_mot.scenes import Bools, Camera, draw_scenes, uniform

CHUNK = 4096  # problems drawn at once; bounds memory
LEAST, MOST = 0.03, 0.8  # height of false alarms [image heights]


class Detector(NamedTuple):
    """How well people are detected in each scene: rates and standard deviations, [b, 1]."""

    miss_rate: Floats
    clutter_rate: Floats
    centre_noise: Floats
    size_noise: Floats


class Side(NamedTuple):
    """Detections of a frame: boxes [b, s, 4], who is detected, what is a false alarm, and confidence, [b, s]."""

    box: Floats
    detected: Bools
    clutter: Bools
    confidence: Floats

    @property
    def exists(self) -> Bools:
        """Which slots hold a box."""
        return self.detected | self.clutter


class BoxTracks:
    """Association of synthetic boxes across frames; the truth is identity.

    Example:
        >>> dataset = BoxTracks(BoxTracksConfig(max_boxes=6, samples=100))
        >>> batch = dataset.load("train", seed=0)
        >>> batch.distance.shape, batch.row_features.shape == (100, 6, len(dataset.features))
        (torch.Size([100, 6, 6]), True)
    """

    truth = "identity"
    features = FEATURES

    def __init__(self, config: BoxTracksConfig) -> None:
        self.config = config
        self.unit = unit(config.distance)

    @property
    def shape(self) -> tuple[int, int]:
        """(max_boxes, max_boxes)."""
        return self.config.max_boxes, self.config.max_boxes

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return a split: distances as set, features as in `hnetzoo_mot.boxes.FEATURES`, lengths in image heights."""
        rng = hnetzoo.split_generator(split, seed)
        parts = hnetzoo.AssociationBatch.concatenate(self._parts(rng, hnetzoo.split_size(split, self.config.samples)))
        return parts.shuffle_slots(torch.Generator().manual_seed(hnetzoo.split_seed(split, seed)))

    def _parts(self, rng: np.random.Generator, count: int) -> Iterator[hnetzoo.AssociationBatch]:
        for start in range(0, count, CHUNK):
            yield self._draw(rng, min(CHUNK, count - start))

    def _draw(self, rng: np.random.Generator, count: int) -> hnetzoo.AssociationBatch:
        """Return problems; the person in slot s is in row s and, if detected again, in column s."""
        config, shape = self.config, (count, self.config.max_boxes)
        scenes, detector = draw_scenes(rng, count, config), _detector(rng, count, config)
        gap = rng.integers(config.gap[0], config.gap[1] + 1, (count, 1)).astype(float)
        frame = 1 / uniform(rng, config.frame_rate, (count, 1))
        age = rng.integers(1, config.history + 1, shape) * (rng.random(shape) >= config.new)
        present = np.arange(shape[1]) < rng.integers(0, shape[1] + 1, (count, 1))
        past, was_seen = scenes.boxes(-age * frame, config.history - age)
        now, later = (
            _detect(rng, box, seen & present, scenes.camera, detector, config.hidden)
            for box, seen in (
                scenes.boxes(np.zeros(shape), np.full(shape, config.history)),
                scenes.boxes(np.broadcast_to(gap * frame, shape), np.full(shape, config.history + 1)),
            )
        )
        past = np.where(now.clutter[..., None], now.box, past)
        moved = _centre(now.box) - _centre(_jitter(rng, past, detector))
        known = age * (was_seen | now.clutter)
        expected = moved / np.maximum(known, 1)[..., None] * gap[..., None]
        return _problems(config, now, later, expected, known, np.broadcast_to(gap, shape))


def _problems(
    config: BoxTracksConfig, now: Side, later: Side, expected: Floats, age: NDArray[np.int64], gap: Floats
) -> hnetzoo.AssociationBatch:
    distance = box_distance(config.distance, now.box, later.box, np.where(age[..., None] > 0, expected, 0.0))
    association = np.eye(config.max_boxes, dtype=bool) & (now.detected & later.detected)[:, None, :]
    rows = box_features(now.box, now.confidence, gap, expected, age.astype(float))
    return hnetzoo.AssociationBatch(
        torch.from_numpy(distance).float(),
        torch.from_numpy(association),
        torch.from_numpy(now.exists),
        torch.from_numpy(later.exists),
        row_features=torch.from_numpy(rows).float(),
        col_features=torch.from_numpy(box_features(later.box, later.confidence, gap)).float(),
    )


def _detector(rng: np.random.Generator, count: int, config: BoxTracksConfig) -> Detector:
    bounds = config.miss_rate, config.clutter_rate, config.centre_noise, config.size_noise
    return Detector(*(uniform(rng, each, (count, 1)) for each in bounds))


def _detect(
    rng: np.random.Generator, box: Floats, seen: Bools, camera: Camera, detector: Detector, hidden: float
) -> Side:
    """Return what a detector makes of the boxes [b, s, 4] of those who are seen, [b, s]."""
    covered = (covered_share(box, seen) > 0.5) & (rng.random(seen.shape) < hidden)
    detected = seen & ~covered & (rng.random(seen.shape) >= detector.miss_rate)
    clutter = ~detected & (rng.random(seen.shape) < detector.clutter_rate)
    found = np.where(clutter[..., None], _false_alarms(rng, box, camera), _jitter(rng, box, detector))
    confidence = np.where(detected, rng.beta(8, 2, seen.shape), rng.beta(4, 4, seen.shape))
    return Side(found, detected, clutter, confidence)


def _jitter(rng: np.random.Generator, box: Floats, detector: Detector) -> Floats:
    """Return boxes as detected."""
    height = box[..., 3:]
    centre = _centre(box) + rng.standard_normal((*height.shape[:2], 2)) * detector.centre_noise[..., None] * height
    growth = rng.standard_normal((*height.shape[:2], 2)) * detector.size_noise[..., None] * (2.0, 1.0)
    size = box[..., 2:] * np.exp(growth)
    return np.concatenate((centre - size / 2, size), -1)


def _false_alarms(rng: np.random.Generator, box: Floats, camera: Camera) -> Floats:
    """Return boxes of a size as people have: half of them near somebody, half of them anywhere in the image."""
    other = np.roll(box, 1, axis=1)
    height = (other[..., 3] * np.exp(rng.normal(0, 0.3, other.shape[:2]))).clip(LEAST, MOST)
    size = np.stack((height * rng.uniform(0.28, 0.5, height.shape), height), -1)
    near = _centre(other) + rng.normal(0, 0.5, size.shape) * height[..., None]
    anywhere = rng.uniform(-0.5, 0.5, size.shape) * np.stack((camera.aspect, np.ones_like(camera.aspect)), -1)
    centre = np.where(rng.random((*height.shape, 1)) < 0.5, near, anywhere)
    return np.concatenate((centre - size / 2, size), -1)


def _centre(box: Floats) -> Floats:
    return box[..., :2] + box[..., 2:] / 2
