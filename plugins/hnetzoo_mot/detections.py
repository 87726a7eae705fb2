"""What a detector makes of the people in a frame: which of them it finds, how well, and what it takes for people.

Conventions: `b` scenes of `s` slots; boxes are left, top, width, height [image heights], float64 [b, s, 4].
"""

from typing import NamedTuple

import numpy as np

from hnetzoo.boxes import covered_share
from hnetzoo_mot.config import BoxTracksConfig
from hnetzoo_mot.scenes import Bools, Camera, Floats, uniform

LEAST, MOST = 0.03, 0.8  # height of false alarms [image heights]
RANGES = (
    "miss_rate",
    "clutter_rate",
    "centre_noise",
    "size_noise",
    "size_bias",
    "confidence",
    "confidence_drop",
)  # settings that are drawn for each scene
MISFIT = 3.0  # how much larger noise is where detections fit badly


class Detector(NamedTuple):
    """How people are detected in each scene: the ranges of the settings, [b, 1], and whose boxes fit badly, [b, s]."""

    miss_rate: Floats
    clutter_rate: Floats
    centre_noise: Floats
    size_noise: Floats
    size_bias: Floats
    confidence: Floats
    confidence_drop: Floats
    noise: Floats
    """Factor of the noise of each person, [b, s]."""
    scored: Bools


class Alarms(NamedTuple):
    """False alarms: half of them near somebody, half of them anywhere; each [b, s] or [b, s, 2]."""

    near: Bools
    offset: Floats
    """From the person in the slot before [box heights]."""
    place: Floats
    """Anywhere in the image, -0.5..0.5 of its size."""
    growth: Floats
    width: Floats


class Side(NamedTuple):
    """Detections of a frame: boxes [b, s, 4]; which slots hold one, which are false alarms, and confidence, [b, s]."""

    box: Floats
    exists: Bools
    clutter: Bools
    confidence: Floats


def draw_detector(rng: np.random.Generator, count: int, config: BoxTracksConfig) -> Detector:
    """Return a random detector for each scene."""
    fields = {name: uniform(rng, getattr(config, name), (count, 1)) for name in RANGES}
    badly = rng.random((count, config.max_boxes)) < uniform(rng, config.misfit_rate, (count, 1))
    return Detector(**fields, noise=np.where(badly, MISFIT, 1.0), scored=rng.random((count, 1)) >= config.unscored)


def draw_alarms(rng: np.random.Generator, shape: tuple[int, int]) -> Alarms:
    """Return random false alarms, [b, s], of sizes as people have."""
    return Alarms(
        near=rng.random(shape) < 0.5,
        offset=rng.normal(0, 0.5, (*shape, 2)),
        place=rng.uniform(-0.5, 0.5, (*shape, 2)),
        growth=rng.normal(0, 0.3, shape),
        width=rng.uniform(0.28, 0.6, shape),
    )


def detect(
    rng: np.random.Generator, box: Floats, seen: Bools, detector: Detector, hidden: float, alarms: tuple[Floats, Bools]
) -> Side:
    """Return the detections of people with these boxes [b, s, 4] who are seen, [b, s].

    Args:
        rng: Random numbers.
        box: Boxes of people.
        seen: Who is in view.
        detector: Of each scene.
        hidden: Probability that somebody is missed whom others cover.
        alarms: Boxes of false alarms, and in which slots there is one if nobody is detected.
    """
    covered = (covered_share(box, seen) > 0.5) & (rng.random(seen.shape) < hidden)
    detected = seen & ~covered & (rng.random(seen.shape) >= detector.miss_rate)
    clutter = ~detected & alarms[1]
    found = np.where(clutter[..., None], alarms[0], jitter(rng, box, detector))
    return Side(found, detected | clutter, clutter, _confidence(rng, clutter | (detector.noise > 1), detector))


def jitter(rng: np.random.Generator, box: Floats, detector: Detector) -> Floats:
    """Return boxes as detected: of other places, sizes and shapes by the noise, and by the bias of the detector."""
    height, shape = box[..., 3:], box.shape[:2]
    noise = detector.noise[..., None]
    centre = centres(box) + rng.standard_normal((*shape, 2)) * detector.centre_noise[..., None] * noise * height
    spread = detector.size_noise[..., None] * noise * (2.0, 1.0)
    size = box[..., 2:] * np.exp(rng.standard_normal((*shape, 2)) * spread + detector.size_bias[..., None] * (1.0, 0.3))
    return np.concatenate((centre - size / 2, size), -1)


def alarm_boxes(alarms: Alarms, box: Floats, camera: Camera) -> Floats:
    """Return the boxes of false alarms, given those of people [b, s, 4]: near ones move with somebody."""
    other = np.roll(box, 1, axis=1)
    height = (other[..., 3] * np.exp(alarms.growth)).clip(LEAST, MOST)
    size = np.stack((height * alarms.width, height), -1)
    near = centres(other) + alarms.offset * height[..., None]
    anywhere = alarms.place * np.stack((camera.aspect, np.ones_like(camera.aspect)), -1)
    centre = np.where(alarms.near[..., None], near, anywhere)
    return np.concatenate((centre - size / 2, size), -1)


def chosen(first: Bools, alarms: Alarms, others: Alarms) -> Alarms:
    """Return alarms where `first` [b, s] holds and others elsewhere."""
    pairs = zip(alarms, others, strict=True)
    return Alarms(*(np.where(first if a.ndim == 2 else first[..., None], a, b) for a, b in pairs))


def centres(box: Floats) -> Floats:
    """Return the centres of boxes, [..., 2]."""
    centre: Floats = box[..., :2] + box[..., 2:] / 2
    return centre


def _confidence(rng: np.random.Generator, doubtful: Bools, detector: Detector) -> Floats:
    """Return confidences, lower for doubtful detections, [b, s]; 1 where the detector gives none."""
    logit = detector.confidence - detector.confidence_drop * doubtful + rng.standard_normal(doubtful.shape)
    return np.where(detector.scored, 1 / (1 + np.exp(-logit)), 1.0)
