"""Dataset box-tracks: association of synthetic boxes across frames by identity.

Rows are the boxes of tracks in a frame, columns the detections some frames later: the same people, who have walked on
before a camera that may have panned, zoomed, shaken or driven, without those missed, hidden or out of view, and with
false alarms and those who have come into view. The truth is identity; in mode "detections" rows are the true boxes of a
frame, and the truth is the assignment of mot.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

import hnetzoo
from hnetzoo.boxes import FEATURES, box_distance, box_features, box_unit, iou_distance
from hnetzoo_mot.config import BoxTracksConfig
from hnetzoo_mot.detections import (
    Alarms,
    Detector,
    Side,
    alarm_boxes,
    centres,
    chosen,
    detect,
    draw_alarms,
    draw_detector,
    jitter,
)
from hnetzoo_mot.scenes import Bools, Camera, Floats, draw_scenes, uniform

CHUNK = 4096  # problems drawn at once; bounds memory


class BoxTracks:
    """Association of synthetic boxes across frames, or within one.

    Example:
        >>> dataset = BoxTracks(BoxTracksConfig(max_boxes=6, samples=100))
        >>> batch = dataset.load("train", seed=0)
        >>> batch.distance.shape, batch.row_features.shape == (100, 6, len(dataset.features))
        (torch.Size([100, 6, 6]), True)
    """

    features = FEATURES

    def __init__(self, config: BoxTracksConfig) -> None:
        self.config = config
        self.unit = box_unit(config.distance)
        self.truth = "identity" if config.mode == "tracking" else "assignment within a gate"

    @property
    def shape(self) -> tuple[int, int]:
        """(max_boxes, max_boxes)."""
        return self.config.max_boxes, self.config.max_boxes

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return a split: distances as set, features as in `hnetzoo.boxes.FEATURES`, lengths in image heights."""
        rng = hnetzoo.split_generator(split, seed)
        parts = hnetzoo.AssociationBatch.concatenate(self._parts(rng, hnetzoo.split_size(split, self.config.samples)))
        return parts.shuffle_slots(torch.Generator().manual_seed(hnetzoo.split_seed(split, seed)))

    def _parts(self, rng: np.random.Generator, count: int) -> Iterator[hnetzoo.AssociationBatch]:
        for start in range(0, count, CHUNK):
            yield self._draw(rng, min(CHUNK, count - start))

    def _draw(self, rng: np.random.Generator, count: int) -> hnetzoo.AssociationBatch:
        """Return problems; the person in slot s is in row s and, if detected again, in column s."""
        config, shape = self.config, (count, self.config.max_boxes)
        scenes, detector = draw_scenes(rng, count, config), draw_detector(rng, count, config)
        present = np.arange(shape[1]) < rng.integers(0, shape[1] + 1, (count, 1))
        alarms = draw_alarms(rng, shape)
        if config.mode == "detections":
            box, seen = scenes.boxes(np.zeros(shape), np.full(shape, config.history))
            return _within_frame(config, rng, box, seen & present, detector, alarms, scenes.camera)
        frame = 1 / uniform(rng, config.frame_rate, (count, 1))
        lost = _lost(rng, shape, config)
        gap = rng.integers(config.gap[0], config.gap[1] + 1, (count, 1)) + lost.astype(float)
        age = rng.integers(1, config.history + 1, shape) * (rng.random(shape) >= config.new)
        past, was_seen = scenes.boxes(-(lost + age) * frame, config.history - age)
        box, seen = scenes.boxes(-lost * frame, np.full(shape, config.history))
        alarm = rng.random(shape) < detector.clutter_rate
        now = detect(
            rng, box, seen & present, detector, config.hidden, (alarm_boxes(alarms, box, scenes.camera), alarm)
        )
        box, seen = scenes.boxes((gap - lost) * frame, np.full(shape, config.history + 1))
        lasting = rng.random(shape) < uniform(rng, config.lasting_rate, (count, 1))
        others = chosen(lasting, alarms, draw_alarms(rng, shape))
        alarm = np.where(lasting, alarm, rng.random(shape) < detector.clutter_rate)
        later = detect(
            rng, box, seen & present, detector, config.hidden, (alarm_boxes(others, box, scenes.camera), alarm)
        )
        before = np.where(now.clutter[..., None], alarm_boxes(alarms, past, scenes.camera), jitter(rng, past, detector))
        known = age * np.where(now.clutter, lasting, was_seen)
        expected = (centres(now.box) - centres(before)) / np.maximum(known, 1)[..., None] * gap[..., None]
        both = now.exists & ~now.clutter & later.exists & ~later.clutter
        if config.lasting_pairs:
            both |= now.clutter & later.clutter & lasting
        truth = torch.from_numpy(np.eye(shape[1], dtype=bool) & both[:, None, :])
        return _problems(config, now, later, truth, expected, known, gap, gap - lost)


def _lost(rng: np.random.Generator, shape: tuple[int, int], config: BoxTracksConfig) -> NDArray[np.int64]:
    """Return for how many frames each track has not been seen, [b, s]."""
    return rng.integers(1, config.lost_frames + 1, shape) * (rng.random(shape) < config.lost)


def _within_frame(
    config: BoxTracksConfig,
    rng: np.random.Generator,
    box: Floats,
    seen: Bools,
    detector: Detector,
    alarms: Alarms,
    camera: Camera,
) -> hnetzoo.AssociationBatch:
    """Return problems of true boxes against the detections of their frame, matched by the rule of mot."""
    alarm = rng.random(seen.shape) < detector.clutter_rate
    found = detect(rng, box, seen, detector, config.hidden, (alarm_boxes(alarms, box, camera), alarm))
    cost, people, detections = (torch.from_numpy(x) for x in (iou_distance(box, found.box), seen, found.exists))
    truth = hnetzoo.assign(cost, people, detections, gate=1 - config.iou_threshold)
    references = Side(box, seen, np.zeros_like(seen), np.ones(seen.shape))
    nothing = np.zeros(seen.shape)
    unmoved, age = np.zeros((*seen.shape, 2)), nothing.astype(np.int64)
    return _problems(config, references, found, truth, unmoved, age, nothing, nothing)


def _problems(
    config: BoxTracksConfig,
    now: Side,
    later: Side,
    truth: torch.Tensor,
    expected: Floats,
    age: NDArray[np.int64],
    row_gap: Floats,
    col_gap: Floats,
) -> hnetzoo.AssociationBatch:
    distance = box_distance(config.distance, now.box, later.box, np.where(age[..., None] > 0, expected, 0.0))
    rows = box_features(now.box, now.confidence, row_gap, expected, age.astype(float))
    return hnetzoo.AssociationBatch(
        torch.from_numpy(distance).float(),
        truth,
        torch.from_numpy(now.exists),
        torch.from_numpy(later.exists),
        row_features=torch.from_numpy(rows).float(),
        col_features=torch.from_numpy(box_features(later.box, later.confidence, col_gap)).float(),
    )
