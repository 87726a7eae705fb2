"""Reflections of moving sources at the walls of shoebox rooms, by first-order image sources.

A wall mirrors a source: the reflection comes from the image behind it, as late as the image is farther than the source,
and weaker by the ratio of their distances and by the wall's reflection. Images move with their source, so that delay,
gain and direction are those of every sample; between samples the signal is interpolated linearly, which dampens the
highest octave. Directions and delays are relative to the array, and delays relative to the direct sound, so that labels
hold without a shift. Higher orders and scattering are left out.

Libraries for rooms, as pyroomacoustics, compute one room after the other, with sources at rest; here all sources of all
scenes are one array.

Source: J. B. Allen, D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA, 1979.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.localizer.settings import RoomSettings
from benchmarks.localizer.signals import uniform

SOUND_SPEED = 343.0  # metres per second, at 20 degrees Celsius


class Rooms(NamedTuple):
    """Random rooms, with the array at the origin."""

    walls: Tensor
    """Where the walls cut the axes, float [b, 3, 2]: the negative and the positive side of x, y and z [metres]."""
    reflection: Tensor
    """Amplitude that a wall reflects, float [b, 3, 2], 0 to 1."""

    @property
    def nearest(self) -> Tensor:
        """Return the distance of the nearest wall, float [b] [metres]."""
        return self.walls.abs().flatten(1).amin(1)

    def select(self, index: Tensor) -> "Rooms":
        """Return some of the rooms."""
        return Rooms(self.walls[index], self.reflection[index])


def draw_rooms(settings: RoomSettings, rooms: int, generator: torch.Generator) -> Rooms:
    """Return random rooms.

    Example:
        >>> rooms = draw_rooms(RoomSettings(), 5, torch.Generator().manual_seed(0))
        >>> height = rooms.walls[:, 2, 1] - rooms.walls[:, 2, 0]
        >>> bool(((2.8 <= height) & (height <= 4)).all())
        True
    """
    low, high = torch.tensor([settings.length_m, settings.width_m, settings.height_m]).T
    extent = uniform((rooms, 3), (low, high), generator)
    place = extent * uniform((rooms, 3), settings.place, generator)
    absorption = uniform((rooms, 3, 2), settings.absorption, generator)
    return Rooms(torch.stack((-place, extent - place), -1), (1 - absorption).sqrt())


def mirror(position: Tensor, axis: int, wall: Tensor) -> Tensor:
    """Return the images of positions behind a wall.

    Args:
        position: Float [q, 3, s], relative to the array [metres].
        axis: Axis that the wall cuts.
        wall: Where it cuts it, float [q] [metres].

    Example:
        >>> mirror(torch.tensor([[[1.0], [2.0], [0.5]]]), 0, torch.tensor([3.0])).flatten().tolist()
        [5.0, 2.0, 0.5]
    """
    image = position.clone()
    image[:, axis] = 2 * wall.unsqueeze(-1) - position[:, axis]
    return image


def reverberate(heard: Tensor, position: Tensor, rooms: Rooms, sample_rate: int) -> Tensor:
    """Return the reflections of sources, without their direct sound.

    Args:
        heard: Direct sound at the array, float [q, samples].
        position: Of the sources at the samples, inside the rooms, float [q, 3, samples] [metres].
        rooms: The room of each source, q of them.
        sample_rate: Of the sound [Hz].

    Returns:
        Channels W, X, Y and Z, float [q, 4, samples].
    """
    distance = _length(position)
    channels = torch.zeros(len(heard), 4, heard.shape[-1])
    for axis in range(3):
        for side in range(2):
            image = mirror(position, axis, rooms.walls[:, axis, side])
            away = _length(image)
            echo = delayed(heard, (away - distance) * (sample_rate / SOUND_SPEED)) * distance / away
            echo *= rooms.reflection[:, axis, side].unsqueeze(-1)
            channels[:, 0] += echo
            channels[:, 1:] += (echo / away).unsqueeze(1) * image
    return channels


def delayed(signal: Tensor, delay: Tensor) -> Tensor:
    """Return signals as they were some samples ago, 0 before they began.

    Args:
        signal: Float [q, samples].
        delay: Float [q, samples], at least 0, whole or not [samples].

    Example:
        >>> delayed(torch.tensor([[1.0, 2.0, 4.0]]), torch.full((1, 3), 0.5)).tolist()
        [[0.5, 1.5, 3.0]]
    """
    silence = 2  # samples before the beginning
    whole = delay.floor()
    later = (torch.arange(signal.shape[-1]) - whole.long() + silence).clamp(min=1)
    padded = torch.nn.functional.pad(signal, (silence, 0))
    return torch.lerp(padded.gather(1, later), padded.gather(1, later - 1), delay - whole)


def _length(points: Tensor) -> Tensor:
    """Return lengths [q, s] of points [q, 3, s]; a norm over a middle axis takes ten times as long."""
    return points.square().sum(1).sqrt()
