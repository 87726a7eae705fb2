"""Simulated scenes: moving sources with births and deaths, in first-order Ambisonics with diffuse noise.

Conventions: `b` scenes of `t` label frames with `n` slots. In a slot `k` sources are active one after the other, so at
most n are active at a time. Channels are W, X, Y, Z in SN3D: a plane wave of pressure s from direction (x, y, z) is
s * (1, x, y, z), and an isotropic field of unit power has 1 in W and 1/3 in each of X, Y and Z, uncorrelated.
Everything is drawn for whole batches of scenes, with or without a room (`benchmarks.localizer.rooms`).
"""

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.localizer.rooms import draw_rooms, reverberate
from benchmarks.localizer.settings import RoomSettings, SceneSettings
from benchmarks.localizer.signals import CLASSES, draw_signals, uniform
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
    sound: Tensor
    """Integer, number of the sound class; 0 without classes."""

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
    sound: Tensor
    """Integer [b, t, n], number of its sound class; 0 in inactive slots."""


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
        sounds = sources.sound if settings.classes else None
        signals = draw_signals(sources.birth.shape, sample_times(settings.frames), generator, sounds)
        heard = played(sources, signals, settings.frames)
        clean = encode(sources, heard)
        if settings.room:
            clean += _reflections(sources, heard, settings.room, generator)
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
    speed, snr_db = uniform(size, settings.speed_deg, generator).deg2rad(), uniform(size, settings.snr_db, generator)
    return Sources(
        birth=death - life,
        death=death,
        start=start,
        heading=normalize(elsewhere - (elsewhere * start).sum(-1, keepdim=True) * start, dim=-1),
        speed=speed,
        snr_db=snr_db,
        sound=_draw_sounds(settings, size, generator),
    )


def played(sources: Sources, signals: Tensor, frames: int) -> Tensor:
    """Return signals, [b, n, k, samples], with the power of their sources, and silent while these are inactive."""
    alive = sources.alive(frames).repeat_interleave(LABEL_HOP, -1)
    power = (signals.square() * alive).sum(-1) / alive.sum(-1).clamp(min=1)
    gain = 10 ** (sources.snr_db / 20) / power.clamp(min=torch.finfo(power.dtype).tiny).sqrt()
    return signals * alive * gain.unsqueeze(-1)


def encode(sources: Sources, heard: Tensor) -> Tensor:
    """Return the direct sound, channels [b, 4, samples], of what sources play, [b, n, k, samples]."""
    turn = (sources.speed.unsqueeze(-1) * torch.arange(heard.shape[-1]) / SAMPLE_RATE).flatten(1, 2)
    start, heading, heard = sources.start.flatten(1, 2), sources.heading.flatten(1, 2), heard.flatten(1, 2)
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
    active, identity = alive.any(2), alive.int().argmax(2)
    sound = sources.sound.gather(2, identity).masked_fill(~active, 0)
    return Labels(*(labels.transpose(1, 2) for labels in (directions, active, identity, sound)))


def _draw_sounds(settings: SceneSettings, size: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Return numbers of sound classes; nothing is drawn without classes."""
    if not settings.classes:
        return torch.zeros(size, dtype=torch.int64)
    drawn = torch.randint(len(CLASSES), size, generator=generator)
    return drawn[:, :1, :1].expand(size).clone() if settings.same_class else drawn


def _reflections(sources: Sources, heard: Tensor, room: RoomSettings, generator: torch.Generator) -> Tensor:
    """Return the reflections of what sources play in random rooms, channels [b, 4, samples]."""
    rooms = draw_rooms(room, len(heard), generator)
    distance = rooms.nearest.view(-1, 1, 1) * uniform(tuple(sources.birth.shape), room.reach, generator)
    sounding = heard.any(-1)
    scene = sounding.nonzero()[:, 0]
    seconds = torch.arange(heard.shape[-1]) / SAMPLE_RATE
    path = Sources(*(values[sounding] for values in sources)).directions(seconds).mT  # [q, 3, samples]
    position = (path * distance[sounding].view(-1, 1, 1)).contiguous()
    reflected = reverberate(heard[sounding], position, rooms.select(scene), SAMPLE_RATE)
    return torch.zeros(len(heard), CHANNELS, heard.shape[-1]).index_add(0, scene, reflected)


def sample_times(frames: int) -> Tensor:
    """Return the times of a scene's samples, float [samples] [seconds]."""
    return torch.arange(frames * LABEL_HOP) / SAMPLE_RATE
