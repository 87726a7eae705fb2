"""Simulated scenes: moving sources with births and deaths, in first-order Ambisonics with diffuse noise.

Conventions: `b` scenes of `t` label frames with `n` slots. In a slot `k` sources are active one after the other, so at
most n are active at a time. Channels are W, X, Y, Z in SN3D: a plane wave of pressure s from direction (x, y, z) is
s * (1, x, y, z), and an isotropic field of unit power has 1 in W and 1/3 in each of X, Y and Z, uncorrelated.
Everything is drawn for whole batches of scenes.
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.localizer.settings import SceneSettings
from benchmarks.localizer.signals import draw_signals, uniform
from hnetzoo.association.batch import SPLITS, Split

SAMPLE_RATE = 8000  # Hz
LABEL_HOP = 800  # samples of a label frame, a tenth of a second
CHANNELS = 4
DIFFUSE_POWER = (1.0, 1 / 3, 1 / 3, 1 / 3)  # of W, X, Y and Z
SCENES_AT_ONCE = 16  # a few megabytes of samples


class Sources(NamedTuple):
    """Random properties of sources other than their signals; tensors are [b, n, k]."""

    birth: Tensor
    """First label frame, integer; negative if the source was active before the scene began."""
    death: Tensor
    """First label frame after its activity, integer; at most the next source's birth."""
    start: Tensor
    """Direction when the scene begins, float [b, n, k, 3], a unit vector."""
    heading: Tensor
    """Direction a quarter of a turn later, float [b, n, k, 3], a unit vector."""
    speed: Tensor
    """Float [radians per second]."""
    snr_db: Tensor
    """Float [dB]."""

    def alive(self, frames: int) -> Tensor:
        """Return whether sources are active in the label frames, bool [b, n, k, t]."""
        frame = torch.arange(frames)
        return (self.birth.unsqueeze(-1) <= frame) & (frame < self.death.unsqueeze(-1))

    def directions(self, seconds: Tensor) -> Tensor:
        """Return their directions at times [t] [seconds] since the scene began, float [b, n, k, t, 3]."""
        turn = (self.speed.unsqueeze(-1) * seconds).unsqueeze(-1)
        return turn.cos() * self.start.unsqueeze(-2) + turn.sin() * self.heading.unsqueeze(-2)


class Labels(NamedTuple):
    """Targets of a localizer."""

    directions: Tensor
    """Float [b, t, n, 3], at the middle of the frame; 0 in inactive slots."""
    active: Tensor
    """Bool [b, t, n], whether a source is active in the slot."""
    identity: Tensor
    """Integer [b, t, n], which of the slot's sources is active; 0 in inactive slots."""


def draw_scenes(settings: SceneSettings, max_sources: int, split: Split, seed: int) -> Iterator[tuple[Tensor, Labels]]:
    """Yield the audio and labels of a split, some scenes at a time.

    Args:
        settings: Settings of the scenes.
        max_sources: Number of slots, and so the largest number of sources at a time.
        split: One of the splits, which are independent of each other.
        seed: Seed of the scenes.

    Yields:
        Float [b, 4, samples] of some scenes, and their labels.

    Example:
        >>> settings = SceneSettings(test=2, frames=10)
        >>> ((audio, labels),) = draw_scenes(settings, 3, "test", 0)
        >>> audio.shape, labels.directions.shape
        (torch.Size([2, 4, 8000]), torch.Size([2, 10, 3, 3]))
    """
    state = np.random.SeedSequence((seed, max_sources, SPLITS.index(split))).generate_state(1, np.uint32)
    generator = torch.Generator().manual_seed(int(state[0]))
    count = int(getattr(settings, split))
    for first in range(0, count, SCENES_AT_ONCE):
        sources = draw_sources(settings, (min(SCENES_AT_ONCE, count - first), max_sources), generator)
        signals = draw_signals(sources.birth.shape, sample_times(settings.frames), generator)
        clean = encode(sources, signals, settings.frames)
        yield clean + diffuse_noise(clean.shape[0], clean.shape[-1], generator), label(sources, settings.frames)


def draw_sources(settings: SceneSettings, shape: tuple[int, int], generator: torch.Generator) -> Sources:
    """Return random sources for b scenes of n slots; scenes begin in the middle of a life or of a gap."""
    (shortest, longest), (least, most) = settings.life_frames, settings.gap_frames
    rounds = ceil((settings.frames + shortest) / (shortest + least))  # enough for any scene
    size = (*shape, rounds)
    life = torch.randint(shortest, longest + 1, size, generator=generator)
    gap = torch.randint(least, most + 1, size, generator=generator)
    gap[..., 0] = torch.randint(-shortest, most + 1, shape, generator=generator)
    death = (gap + life).cumsum(-1)
    start = normalize(torch.randn((*size, 3), generator=generator), dim=-1)
    elsewhere = torch.randn((*size, 3), generator=generator)
    return Sources(
        birth=death - life,
        death=death,
        start=start,
        heading=normalize(elsewhere - (elsewhere * start).sum(-1, keepdim=True) * start, dim=-1),
        speed=uniform(size, settings.speed_deg, generator).deg2rad(),
        snr_db=uniform(size, settings.snr_db, generator),
    )


def encode(sources: Sources, signals: Tensor, frames: int) -> Tensor:
    """Return the clean channels, [b, 4, samples], of signals [b, n, k, samples]; inactive sources are silent."""
    alive = sources.alive(frames).repeat_interleave(LABEL_HOP, -1)
    power = (signals.square() * alive).sum(-1) / alive.sum(-1).clamp(min=1)
    gain = 10 ** (sources.snr_db / 20) / power.clamp(min=torch.finfo(power.dtype).tiny).sqrt()
    heard = (signals * alive * gain.unsqueeze(-1)).flatten(1, 2)  # [b, nk, samples]
    turn = (sources.speed.unsqueeze(-1) * sample_times(frames)).flatten(1, 2)
    start, heading = sources.start.flatten(1, 2), sources.heading.flatten(1, 2)
    velocity = start.mT @ (heard * turn.cos()) + heading.mT @ (heard * turn.sin())
    return torch.cat((heard.sum(1, keepdim=True), velocity), 1)


def diffuse_noise(scenes: int, samples: int, generator: torch.Generator) -> Tensor:
    """Return diffuse white noise with unit power in W, float [b, 4, samples]."""
    white = torch.randn((scenes, CHANNELS, samples), generator=generator)
    return white * torch.tensor(DIFFUSE_POWER).sqrt().unsqueeze(-1)


def label(sources: Sources, frames: int) -> Labels:
    """Return the labels of sources."""
    alive = sources.alive(frames)
    middles = (torch.arange(frames) + 0.5) * LABEL_HOP / SAMPLE_RATE
    directions = (sources.directions(middles) * alive.unsqueeze(-1)).sum(2)
    return Labels(directions.transpose(1, 2), alive.any(2).transpose(1, 2), alive.int().argmax(2).transpose(1, 2))


def sample_times(frames: int) -> Tensor:
    """Return the times of a scene's samples, float [samples] [seconds]."""
    return torch.arange(frames * LABEL_HOP) / SAMPLE_RATE
