"""Random signals of sources: a mix of a gliding harmonic tone and band noise, with amplitude modulation.

Signals are float [..., samples]. A sound class is a range of mixes; without classes all sources are drawn from `ANY`.
"""

from math import log2
from typing import NamedTuple

import torch
from torch import Tensor

Bounds = tuple[float, float] | tuple[Tensor, Tensor]


class Sound(NamedTuple):
    """Ranges of what makes a spectrum, each uniform from lowest to highest."""

    share: tuple[float, float]
    """Amplitude of the tone beside that of the noise, 0 to 1."""
    pitch_hz: tuple[float, float]
    """Pitch of the tone [Hz]."""
    band_octaves: tuple[float, float]
    """Centre of the noise band, in octaves above `BAND_HZ`."""
    width_octaves: tuple[float, float]
    """Standard deviation of the noise band [octaves]."""


BAND_HZ = 300.0
ANY = Sound((0.0, 1.0), (100.0, 400.0), (0.0, log2(10)), (0.5, 1.5))
CLASSES = {
    "voice": Sound((0.85, 1.0), (120.0, 400.0), (1.0, 2.0), (0.5, 1.0)),
    "rumble": Sound((0.0, 0.1), (100.0, 200.0), (-0.5, 0.8), (0.3, 0.6)),
    "hiss": Sound((0.0, 0.1), (100.0, 200.0), (2.4, 3.3), (0.3, 0.6)),
}
"""Sound classes by name, in the order of their numbers: they differ by harmonics and by band."""
GLIDE_PER_SECOND = 0.3  # largest relative change of the pitch in a second
HARMONIC_DECAY = (0.6, 0.9)  # ratio of the amplitudes of successive harmonics
MODULATION_HZ = (2.0, 6.0)  # about the rate of syllables
MODULATION_DEPTH = 0.7


def draw_signals(
    shape: tuple[int, ...], seconds: Tensor, generator: torch.Generator, classes: Tensor | None = None
) -> Tensor:
    """Return independent random signals.

    Args:
        shape: Shape of the batch of signals.
        seconds: Times of the samples, float [samples] [seconds], evenly spaced.
        generator: Random generator.
        classes: Integer of that shape, numbers of `CLASSES`; None draws from `ANY`.

    Returns:
        Float [*shape, samples]; their power is not normalised.

    Example:
        >>> draw_signals((2, 3), torch.arange(800) / 8000, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 800])
    """
    sound = _ranges(classes)
    share = uniform((*shape, 1), sound["share"], generator)
    tones = _unit(_tones(shape, seconds, sound, generator))
    carrier = share * tones + (1 - share) * _unit(_noises(shape, seconds, sound, generator))
    rate, phase = uniform((*shape, 1), MODULATION_HZ, generator), uniform((*shape, 1), (0.0, 1.0), generator)
    return carrier * (1 + MODULATION_DEPTH * torch.cos(2 * torch.pi * (rate * seconds + phase)))


def uniform(shape: tuple[int, ...], bounds: Bounds, generator: torch.Generator) -> Tensor:
    """Return random floats, uniform between two bounds, numbers or tensors that broadcast to the shape."""
    low, high = bounds
    return low + (high - low) * torch.rand(shape, generator=generator)


def _ranges(classes: Tensor | None) -> dict[str, Bounds]:
    """Return the ranges of a class each, [*shape, 1], or those of `ANY`."""
    if classes is None:
        return ANY._asdict()
    table = torch.tensor(list(CLASSES.values()))[classes]  # [*shape, ranges, 2]
    return {name: (table[..., index, :1], table[..., index, 1:]) for index, name in enumerate(Sound._fields)}


def _tones(shape: tuple[int, ...], seconds: Tensor, sound: dict[str, Bounds], generator: torch.Generator) -> Tensor:
    """Return the sum of all harmonics of a gliding pitch, whose amplitudes decay geometrically."""
    pitch = uniform((*shape, 1), sound["pitch_hz"], generator)
    glide = pitch * uniform((*shape, 1), (-GLIDE_PER_SECOND, GLIDE_PER_SECOND), generator)
    decay = uniform((*shape, 1), HARMONIC_DECAY, generator)
    start = uniform((*shape, 1), (0.0, 1.0), generator)
    middle = seconds - seconds.mean()
    cosine = torch.cos(2 * torch.pi * (start + pitch * middle + glide * middle.square() / 2))
    # The sum of decay^h cos(h x) over h = 1, 2, ..., in closed form.
    return (decay * cosine - decay.square()) / (1 - 2 * decay * cosine + decay.square())


def _noises(shape: tuple[int, ...], seconds: Tensor, sound: dict[str, Bounds], generator: torch.Generator) -> Tensor:
    """Return white noise filtered by a band that is Gaussian in octaves."""
    samples = len(seconds)
    frequency = torch.fft.rfftfreq(samples, float(seconds[1] - seconds[0])).clamp(min=1.0)
    centre = uniform((*shape, 1), sound["band_octaves"], generator)
    width = uniform((*shape, 1), sound["width_octaves"], generator)
    octaves = (frequency / BAND_HZ).log2() - centre
    white = torch.fft.rfft(torch.randn((*shape, samples), generator=generator))
    filtered: Tensor = torch.fft.irfft(white * torch.exp(-(octaves / width).square() / 2), n=samples)
    return filtered


def _unit(signal: Tensor) -> Tensor:
    power: Tensor = signal.square().mean(-1, keepdim=True)
    return signal / power.sqrt()
