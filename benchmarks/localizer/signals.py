"""Random signals of sources: a mix of a gliding harmonic tone and band noise, with amplitude modulation.

Signals are float [..., samples].
"""

import torch
from torch import Tensor

PITCH_HZ = (100.0, 400.0)
GLIDE_PER_SECOND = 0.3  # largest relative change of the pitch in a second
HARMONIC_DECAY = (0.6, 0.9)  # ratio of the amplitudes of successive harmonics
BAND_HZ = (300.0, 3000.0)  # centre of the noise band
BAND_OCTAVES = (0.5, 1.5)  # standard deviation of the noise band
MODULATION_HZ = (2.0, 6.0)  # about the rate of syllables
MODULATION_DEPTH = 0.7


def draw_signals(shape: tuple[int, ...], seconds: Tensor, generator: torch.Generator) -> Tensor:
    """Return independent random signals.

    Args:
        shape: Shape of the batch of signals.
        seconds: Times of the samples, float [samples] [seconds], evenly spaced.
        generator: Random generator.

    Returns:
        Float [*shape, samples]; their power is not normalised.

    Example:
        >>> draw_signals((2, 3), torch.arange(800) / 8000, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 800])
    """
    share = uniform((*shape, 1), (0.0, 1.0), generator)
    carrier = share * _unit(_tones(shape, seconds, generator)) + (1 - share) * _unit(_noises(shape, seconds, generator))
    rate, phase = uniform((*shape, 1), MODULATION_HZ, generator), uniform((*shape, 1), (0.0, 1.0), generator)
    return carrier * (1 + MODULATION_DEPTH * torch.cos(2 * torch.pi * (rate * seconds + phase)))


def uniform(shape: tuple[int, ...], bounds: tuple[float, float], generator: torch.Generator) -> Tensor:
    """Return random floats, uniform between two bounds."""
    low, high = bounds
    return low + (high - low) * torch.rand(shape, generator=generator)


def _tones(shape: tuple[int, ...], seconds: Tensor, generator: torch.Generator) -> Tensor:
    """Return the sum of all harmonics of a gliding pitch, whose amplitudes decay geometrically."""
    pitch = uniform((*shape, 1), PITCH_HZ, generator)
    glide = pitch * uniform((*shape, 1), (-GLIDE_PER_SECOND, GLIDE_PER_SECOND), generator)
    decay = uniform((*shape, 1), HARMONIC_DECAY, generator)
    start = uniform((*shape, 1), (0.0, 1.0), generator)
    middle = seconds - seconds.mean()
    cosine = torch.cos(2 * torch.pi * (start + pitch * middle + glide * middle.square() / 2))
    # The sum of decay^h cos(h x) over h = 1, 2, ..., in closed form.
    return (decay * cosine - decay.square()) / (1 - 2 * decay * cosine + decay.square())


def _noises(shape: tuple[int, ...], seconds: Tensor, generator: torch.Generator) -> Tensor:
    """Return white noise filtered by a band that is Gaussian in octaves."""
    samples = len(seconds)
    frequency = torch.fft.rfftfreq(samples, float(seconds[1] - seconds[0])).clamp(min=1.0)
    centre = uniform((*shape, 1), (0.0, 1.0), generator) * torch.tensor(BAND_HZ[1] / BAND_HZ[0]).log2()
    width = uniform((*shape, 1), BAND_OCTAVES, generator)
    octaves = (frequency / BAND_HZ[0]).log2() - centre
    white = torch.fft.rfft(torch.randn((*shape, samples), generator=generator))
    filtered: Tensor = torch.fft.irfft(white * torch.exp(-(octaves / width).square() / 2), n=samples)
    return filtered


def _unit(signal: Tensor) -> Tensor:
    power: Tensor = signal.square().mean(-1, keepdim=True)
    return signal / power.sqrt()
