"""Dataset doa-tracks: association of moving sources across frames by identity.

Rows are the sources as observed in a frame, columns the predictions some steps later: the same sources, moved and
observed again, without those missed, and false alarms. The truth is identity. A source may have moved near to the old
place of another one, so the exact assignment is sometimes wrong, with any gate: it is a strong baseline, not an oracle.

Both axes are permuted, and slots without an observation are masked out or hold far points.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

import hnetzoo
from hnetzoo_doa.config import UNIT, DOATracksConfig
from hnetzoo_doa.gate import bayes_gate
from hnetzoo_doa.geometry import (
    Floats,
    along,
    chordal_distance,
    perturb,
    turn,
    uniform_directions,
    uniform_headings,
)
from hnetzoo_doa.points import Bools, Ints, Points, far_points, permutations
from hnetzoo_doa.posterior import pair_posterior


class Frames(NamedTuple):
    """The points of both frames, which of them belong together, bool [b, n, m], and angular velocities, [b, n, 3]."""

    points: Points
    association: Bools
    velocity: Floats


class DOATracks:
    """Association of moving sources across frames; the truth is identity.

    Example:
        >>> dataset = DOATracks(DOATracksConfig(max_doas=3, samples=100))
        >>> dataset.load("train", seed=0).distance.shape, round(dataset.gate, 2)
        (torch.Size([100, 3, 3]), 0.95)
    """

    unit = UNIT
    truth = "identity"

    def __init__(self, config: DOATracksConfig) -> None:
        self.config = config
        self.features = hnetzoo.DIRECTION_FEATURES if config.history else ()

    @property
    def shape(self) -> tuple[int, int]:
        """(max_doas, max_doas)."""
        return self.config.max_doas, self.config.max_doas

    @cached_property
    def gate(self) -> float:
        """The Bayes gate, for `hungarian-gated` [chord]; derived in `hnetzoo_doa.gate`."""
        return bayes_gate(self.config)

    def load(self, split: hnetzoo.Split, seed: int) -> hnetzoo.AssociationBatch:
        """Return a split: distances are chords, 0..2, and larger to far points; the truth is identity."""
        points, association, velocity = self.draw(split, seed)
        distance = torch.from_numpy(chordal_distance(points.reference, points.predicted)).float()
        batch = points.batch(distance, torch.from_numpy(association), masked=self.config.counts == "known")
        if self.config.posterior:
            return batch._replace(probability=pair_posterior(self.config, batch).float().clamp(0, 1))
        if not self.config.history:
            return batch
        rows = hnetzoo.direction_features(points.reference, velocity, np.full(velocity.shape[:2], self.config.history))
        columns = hnetzoo.direction_features(points.predicted)
        return batch._replace(
            row_features=torch.from_numpy(rows).float(), col_features=torch.from_numpy(columns).float()
        )

    def draw(self, split: hnetzoo.Split, seed: int) -> Frames:
        """Return both frames of a split; the same split and seed give the same bits."""
        rng, slots = hnetzoo.split_generator(split, seed), self.config.max_doas
        b = hnetzoo.split_size(split, self.config.samples)
        row_active = np.arange(slots) < rng.integers(0, slots + 1, (b, 1))
        detected = row_active & (rng.random((b, slots)) >= self.config.miss_rate)
        clutter = ~detected & (rng.random((b, slots)) < self.config.clutter_rate)
        source = uniform_directions(rng, b, slots)
        noise_deg = np.full((b, slots), self.config.noise_deg)
        reference = perturb(rng, source, noise_deg)
        later, earlier = self._move(rng, source)
        predicted = perturb(rng, later, noise_deg)
        predicted = np.where(clutter[..., None], uniform_directions(rng, b, slots), predicted)
        points = Points(
            np.where(row_active[..., None], reference, far_points(rng, b, slots)),
            np.where((detected | clutter)[..., None], predicted, far_points(rng, b, slots)),
            row_active,
            detected | clutter,
        )
        rows, columns = permutations(rng, b, slots), permutations(rng, b, slots)
        before = perturb(rng, earlier, noise_deg)
        velocity = hnetzoo.angular_velocity(before, reference, np.full((b, slots), float(self.config.history)))
        return _reorder(points, detected, velocity, rows, columns)

    def _move(self, rng: np.random.Generator, source: Floats) -> tuple[Floats, Floats]:
        """Return sources after all steps of motion, and before those of the history, unit vectors [b, n, 3]."""
        config = self.config
        shape = (len(source), 1) if config.speeds == "scene" else source.shape[:2]
        slowest, fastest = np.deg2rad(config.speed_deg)
        speed = rng.uniform(slowest, fastest, shape)
        if config.motion == "random-walk":
            later, earlier = source, source
            for _ in range(config.steps):
                later = turn(rng, later, speed)
            past = rng.spawn(1)[0]
            for _ in range(config.history):
                earlier = turn(past, earlier, speed)
            return later, earlier
        least, most = np.deg2rad(config.acceleration_deg)
        acceleration = rng.uniform(least, most, shape)
        heading = uniform_headings(rng, source)
        steps = config.steps, -config.history
        later, earlier = (along(source, heading, speed * step + acceleration * step**2 / 2) for step in steps)
        return later, earlier


def _reorder(points: Points, detected: Bools, velocity: Floats, rows: Ints, columns: Ints) -> Frames:
    """Return both sides permuted; before that, source s is in row s and, if detected, in column s."""
    same_source = rows[:, :, None] == columns[:, None, :]
    found = np.take_along_axis(detected, columns, 1)
    velocity = np.take_along_axis(velocity, rows[..., None], 1)
    return Frames(points.reorder(rows, columns), same_source & found[:, None, :], velocity)
