"""A tracker around a matcher: constant velocity, fixed rules of birth and death, no filter.

Every detection that is matched continues its track, every other one begins a new track, and a track that is not seen
for a while ends. Tracks seen in the last frame are matched first, then those lost before with the detections that are
left. What remains to decide, which detection is of which track, is the matcher's alone.

Conventions: `k` tracks and `s` detections; boxes are left, top, width, height [pixels]; frames count from 1.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hnetzoo.association.decoding import decode
from hnetzoo.association.model import FeatureModel, unwrapped
from hnetzoo.association.prediction import predict
from hnetzoo.errors import DataError
from hnetzoo.tracking.box_files import Boxes
from hnetzoo.tracking.boxes import box_distance, box_features
from hnetzoo.tracking.settings import TrackerConfig

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_TRACK = -1
"""Identity of a detection that neither continues nor begins a track."""


class _Tracks(NamedTuple):
    """Tracks by their last sightings, newest first: frames [k, h], 0 where there were fewer, and centres [k, h, 2]."""

    identity: Ints
    box: Floats
    confidence: Floats
    frames: Ints
    centres: Floats

    def select(self, keep: NDArray[Any]) -> "_Tracks":
        return _Tracks._make(field[keep] for field in self)

    def motion(self, history: int) -> tuple[Floats, Ints]:
        """Return velocities [k, 2] [pixels per frame] and over how many frames they were measured, [k]; 0 if new."""
        sightings = (self.frames > 0).sum(1)
        recent = ((self.frames > 0) & (self.frames[:, :1] - self.frames <= history)).sum(1)
        place = np.maximum(recent - 1, np.minimum(sightings - 1, 1))[:, None]
        age = self.frames[:, 0] - np.take_along_axis(self.frames, place, 1)[:, 0]
        moved = self.centres[:, 0] - np.take_along_axis(self.centres, place[..., None], 1)[:, 0]
        return moved / np.maximum(age, 1)[:, None], age


class Tracker:
    """Gives detections identities, frame by frame.

    Args:
        matcher: An association model.
        config: Settings; by default those of TrackerConfig.
        features: Whether the matcher takes the features of `hnetzoo.boxes.FEATURES`, as models tagged "features" do; by
            default whether it is a `FeatureModel`.

    Example:
        >>> import hnetzoo
        >>> tracker = Tracker(hnetzoo.load_model("hungarian-gated", gate=1.0))
        >>> boxes = np.array([[0.0, 0.0, 10.0, 20.0], [50.0, 0.0, 10.0, 20.0]])
        >>> tracker.step(1, boxes, np.ones(2)).tolist(), tracker.step(2, boxes[::-1] + 1, np.ones(2)).tolist()
        ([1, 2], [2, 1])

    Sources: A. Bewley et al., "Simple Online and Realtime Tracking", ICIP 2016, of whose life cycle this is a simpler
    form, without a Kalman filter and without probation; N. Wojke et al., "Simple Online and Realtime Tracking with a
    Deep Association Metric", ICIP 2017, section 2.3 (what was seen last is matched first).
    """

    def __init__(
        self, matcher: nn.Module, config: TrackerConfig | None = None, *, features: bool | None = None
    ) -> None:
        self.matcher, self.config = matcher, config or TrackerConfig()
        self.features = isinstance(unwrapped(matcher), FeatureModel) if features is None else features
        self._frame, self._begun = 0, 0
        longest = self.config.history + 1
        self._tracks = _Tracks(
            identity=np.zeros(0, np.int64),
            box=np.zeros((0, 4)),
            confidence=np.zeros(0),
            frames=np.zeros((0, longest), np.int64),
            centres=np.zeros((0, longest, 2)),
        )

    def run(self, detections: Boxes) -> Ints:
        """Return the identity of each detection of a file, [l], from 1; -1 for those left out."""
        identity = np.full(len(detections.frame), NO_TRACK)
        frames, counts = np.unique(detections.frame, return_counts=True)
        lines = np.split(np.argsort(detections.frame, kind="stable"), counts.cumsum()[:-1])
        for frame, line in zip(frames.tolist(), lines, strict=len(frames) > 0):
            identity[line] = self.step(frame, detections.box[line], detections.confidence[line])
        return identity

    def step(self, frame: int, box: Floats, confidence: Floats) -> Ints:
        """Return the identities of the detections of the next frame, [s], from 1; -1 for those left out.

        Args:
            frame: Its number, above that of the last step; frames may be left out.
            box: Boxes [s, 4].
            confidence: [s].

        Raises:
            DataError: If the frame is not after the last one.
            ModelError: If the matcher's logits are of the wrong shape or not finite.
        """
        if frame <= self._frame:
            raise DataError(f"frame {frame} comes after frame {self._frame}; give frames in order")
        tracks = self._tracks.select(frame - self._tracks.frames[:, 0] <= self.config.patience)
        track, detection = self._matches(tracks, frame, box, confidence)
        least = -np.inf if self.config.birth_confidence is None else self.config.birth_confidence
        born = confidence >= least
        born[detection] = False
        identity = np.full(len(box), NO_TRACK)
        identity[detection] = tracks.identity[track]
        identity[born] = self._begun + 1 + np.arange(born.sum())
        self._begun += int(born.sum())
        unseen = np.ones(len(tracks.identity), dtype=np.bool_)
        unseen[track] = False
        seen = _sightings(tracks, track, detection, born, frame, identity, box, confidence)
        self._tracks = _Tracks._make(map(np.concatenate, zip(tracks.select(unseen), seen, strict=True)))
        self._frame = frame
        return identity

    def _matches(self, tracks: _Tracks, frame: int, box: Floats, confidence: Floats) -> tuple[Ints, Ints]:
        """Return the tracks and detections that belong together: first of those just seen, then of those lost."""
        just_seen = tracks.frames[:, 0] == self._frame
        matched: tuple[list[Ints], list[Ints]] = ([], [])
        free = np.arange(len(box))
        for place in (np.flatnonzero(just_seen), np.flatnonzero(~just_seen)):
            track, detection = np.nonzero(self._pairs(tracks.select(place), frame, box[free], confidence[free]))
            matched[0].append(place[track])
            matched[1].append(free[detection])
            free = np.delete(free, detection)
        return np.concatenate(matched[0]), np.concatenate(matched[1])

    def _pairs(self, tracks: _Tracks, frame: int, box: Floats, confidence: Floats) -> NDArray[np.bool_]:
        """Return which tracks and detections the matcher pairs, bool [k, s]."""
        if not (len(tracks.identity) and len(box)):
            return np.zeros((len(tracks.identity), len(box)), dtype=np.bool_)
        velocity, age = tracks.motion(self.config.history)
        gap = (frame - tracks.frames[:, 0]).astype(float)
        expected = velocity * gap[:, None]
        distance = _tensor(box_distance(self.config.distance, tracks.box, box, expected))
        masks = (torch.ones(1, size, dtype=torch.bool) for size in distance.shape[1:])
        features = {}
        if self.features:
            rows = box_features(tracks.box, tracks.confidence, gap, expected, age.astype(float))
            columns = box_features(box, confidence, np.full(len(box), float(frame - self._frame)))
            features = {"row_features": _tensor(rows), "col_features": _tensor(columns)}
        logits = predict(self.matcher, distance, *masks, features=features)
        pairs: NDArray[np.bool_] = decode(logits, method="one-to-one")[0].numpy()
        return pairs


def _sightings(
    tracks: _Tracks,
    track: Ints,
    detection: Ints,
    born: NDArray[np.bool_],
    frame: int,
    identity: Ints,
    box: Floats,
    confidence: Floats,
) -> _Tracks:
    """Return the tracks that are seen in a frame: those that go on, then those that begin."""
    chosen = np.concatenate((detection, np.flatnonzero(born)))
    longest, fresh = tracks.frames.shape[1], int(born.sum())
    frames = np.concatenate((tracks.frames[track], np.zeros((fresh, longest), np.int64)))
    centres = np.concatenate((tracks.centres[track], np.zeros((fresh, longest, 2))))
    centre = box[chosen, :2] + box[chosen, 2:] / 2
    return _Tracks(
        identity=identity[chosen],
        box=box[chosen],
        confidence=confidence[chosen],
        frames=np.concatenate((np.full((len(chosen), 1), frame), frames[:, :-1]), 1),
        centres=np.concatenate((centre[:, None], centres[:, :-1]), 1),
    )


def _tensor(values: Floats) -> Tensor:
    return torch.from_numpy(values).float().unsqueeze(0)
