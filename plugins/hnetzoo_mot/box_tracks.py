"""Dataset box-tracks: association of synthetic boxes across frames by identity.

Rows are the boxes of tracks in a frame, columns the detections some frames later: the same people, who have walked on
before a camera that may have panned, zoomed, shaken or driven, without those missed, hidden or out of view, and with
false alarms and those who have come into view. The truth is identity.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

import hnetzoo
from hnetzoo.boxes import FEATURES, box_distance, box_features, box_unit, iou_distance
from hnetzoo_mot.config import BoxTracksConfig
from hnetzoo_mot.detections import (
    Side,
    alarm_boxes,
    centres,
    chosen,
    detect,
    draw_alarms,
    draw_detector,
    jitter,
)
from hnetzoo_mot.scenes import Bools, Floats, draw_scenes, uniform

CHUNK = 4096  # problems drawn at once; bounds memory


class BoxTracks:
    """Association of synthetic boxes across frames; the truth is identity.

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
        """Return a split: distances as set, features as in `hnetzoo_mot.boxes.FEATURES`, lengths in image heights."""
        rng = hnetzoo.split_generator(split, seed)
        parts = hnetzoo.AssociationBatch.concatenate(self._parts(rng, hnetzoo.split_size(split, self.config.samples)))
        return parts.shuffle_slots(torch.Generator().manual_seed(hnetzoo.split_seed(split, seed)))

    def _parts(self, rng: np.random.Generator, count: int) -> Iterator[hnetzoo.AssociationBatch]:
        for start in range(0, count, CHUNK):
            yield self._draw(rng, min(CHUNK, count - start))

    def _draw(self, rng: np.random.Generator, count: int) -> hnetzoo.AssociationBatch:
        """Return problems; people and those detected in the later frame are in slots of the same number."""
        config, shape = self.config, (count, self.config.max_boxes)
        scenes, detector = draw_scenes(rng, count, config), draw_detector(rng, count, config)
        gap = rng.integers(config.gap[0], config.gap[1] + 1, (count, 1)).astype(float) * (config.mode == "tracking")
        frame = 1 / uniform(rng, config.frame_rate, (count, 1))
        age = rng.integers(1, config.history + 1, shape) * (rng.random(shape) >= config.new)
        present = np.arange(shape[1]) < rng.integers(0, shape[1] + 1, (count, 1))
        alarms, lasting = draw_alarms(rng, shape), rng.random(shape) < uniform(rng, config.lasting_rate, (count, 1))
        past, was_seen = scenes.boxes(-age * frame, config.history - age)
        box, seen = scenes.boxes(np.zeros(shape), np.full(shape, config.history))
        seen &= present
        alarm = rng.random(shape) < detector.clutter_rate
        found = alarm_boxes(alarms, box, scenes.camera)
        now = detect(rng, box, seen, detector, config.hidden, (found, alarm))
        if config.mode == "detections":
            return _within_frame(config, box, seen, now)
        later_box, later_seen = scenes.boxes(np.broadcast_to(gap * frame, shape), np.full(shape, config.history + 1))
        later_seen &= present
        others = chosen(lasting, alarms, draw_alarms(rng, shape))
        found = alarm_boxes(others, later_box, scenes.camera)
        alarm = np.where(lasting, alarm, rng.random(shape) < detector.clutter_rate)
        later = detect(rng, later_box, later_seen, detector, config.hidden, (found, alarm))
        before = np.where(now.clutter[..., None], alarm_boxes(alarms, past, scenes.camera), jitter(rng, past, detector))
        known = age * np.where(now.clutter, lasting, was_seen)
        expected = (centres(now.box) - centres(before)) / np.maximum(known, 1)[..., None] * gap[..., None]
        identity = _matched(config, box, seen, now), _matched(config, later_box, later_seen, later)
        truth = (identity[0].mT.float() @ identity[1].float()) > 0
        return _problems(config, now, later, truth, expected, known, np.broadcast_to(gap, shape))


def _within_frame(config: BoxTracksConfig, box: Floats, seen: Bools, found: Side) -> hnetzoo.AssociationBatch:
    """Return problems of true boxes against the detections of their frame."""
    nothing = np.zeros(seen.shape)
    references = Side(box, seen, np.zeros_like(seen), np.ones(seen.shape))
    truth = _matched(config, box, seen, found)
    return _problems(config, references, found, truth, np.zeros((*seen.shape, 2)), nothing.astype(np.int64), nothing)


def _matched(config: BoxTracksConfig, box: Floats, seen: Bools, found: Side) -> torch.Tensor:
    """Return which detection is whose, bool [b, people, detections], by the rule of mot."""
    cost, people, detections = (torch.from_numpy(x) for x in (iou_distance(box, found.box), seen, found.exists))
    return hnetzoo.assign(cost, people, detections, gate=1 - config.iou_threshold)


def _problems(
    config: BoxTracksConfig,
    now: Side,
    later: Side,
    truth: torch.Tensor,
    expected: Floats,
    age: NDArray[np.int64],
    gap: Floats,
) -> hnetzoo.AssociationBatch:
    distance = box_distance(config.distance, now.box, later.box, np.where(age[..., None] > 0, expected, 0.0))
    rows = box_features(now.box, now.confidence, gap, expected, age.astype(float))
    return hnetzoo.AssociationBatch(
        torch.from_numpy(distance).float(),
        truth,
        torch.from_numpy(now.exists),
        torch.from_numpy(later.exists),
        row_features=torch.from_numpy(rows).float(),
        col_features=torch.from_numpy(box_features(later.box, later.confidence, gap)).float(),
    )
