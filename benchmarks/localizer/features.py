"""Features of the localizer: log spectra of the four channels and intensity vectors, in mel bands and label frames.

Examples are kept on disk, named by the digest of all that they depend on, for all jobs that share them.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from benchmarks.localizer.scenes import LABEL_HOP, SAMPLE_RATE, draw_scenes
from benchmarks.localizer.settings import SceneSettings
from hnetzoo.association.batch import Split
from hnetzoo.digests import digest_document, digest_sources
from hnetzoo.registry.environment import versions
from hnetzoo.training.weights import load_tensors, save_tensors

WINDOW = 512  # samples, 64 ms
HOP = 200  # samples, a quarter of a label frame
BANDS = 32
LOWEST_HZ = 50.0
FEATURES = 7  # log spectra of W, X, Y, Z, then intensity along x, y, z
FLOOR = 1e-6  # added to powers; the noise has a power of about a hundred per bin
SOURCES = ("settings", "signals", "rooms", "scenes", "features")  # the modules that examples depend on


class Examples(NamedTuple):
    """Features of scenes, and their labels."""

    features: Tensor
    """Float [b, 7, t, bands]."""
    directions: Tensor
    """Float [b, t, n, 3], unit vectors; 0 in inactive slots."""
    active: Tensor
    """Bool [b, t, n]."""
    identity: Tensor
    """Integer [b, t, n]."""
    sound: Tensor
    """Integer [b, t, n], number of the sound class."""

    def select(self, index: Tensor) -> "Examples":
        """Return some of the scenes."""
        return Examples(*(tensor[index] for tensor in self))


def extract(audio: Tensor) -> Tensor:
    """Return the features of audio.

    The intensity of a bin is Re(W* (X, Y, Z)), its energy density half of the power of all four channels. Both are
    summed over a band and a label frame before they are divided, so that the vector is a unit vector towards a single
    source, and 0 in a diffuse field.

    Args:
        audio: Float [b, 4, samples], whole label frames.

    Returns:
        Float [b, 7, t, bands].

    Example:
        >>> extract(torch.randn(2, 4, 8000)).shape
        torch.Size([2, 7, 10, 32])
    """
    edge = (WINDOW - HOP) // 2  # centres windows on their hops
    window = torch.hann_window(WINDOW)
    flat = pad(audio, (edge, edge)).flatten(0, 1)
    spectrum = torch.stft(flat, WINDOW, HOP, window=window, center=False, return_complex=True)
    spectrum = spectrum.view(*audio.shape[:2], *spectrum.shape[1:])  # [b, 4, bins, hops]
    power = _pool(spectrum.abs().square())
    intensity = _pool((spectrum[:, :1].conj() * spectrum[:, 1:]).real)
    density = power.sum(1, keepdim=True) / 2
    return torch.cat(((power + FLOOR).log(), intensity / (density + FLOOR)), 1)


def load_examples(settings: SceneSettings, max_sources: int, split: Split, seed: int, folder: Path) -> Examples:
    """Return the examples of a split, from the folder or newly drawn and kept there."""
    code = [digest_sources(f"benchmarks.localizer.{name}") for name in SOURCES]
    recipe = [settings.model_dump(), max_sources, split, seed, code, versions()]
    path = folder / f"{split}-{max_sources}-{seed}-{digest_document(recipe)[:16]}.safetensors"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_tensors(path, draw_examples(settings, max_sources, split, seed)._asdict())
    return Examples(**load_tensors(path))


def draw_examples(settings: SceneSettings, max_sources: int, split: Split, seed: int) -> Examples:
    """Return the examples of a split, newly drawn."""
    parts = [(extract(audio), *labels) for audio, labels in draw_scenes(settings, max_sources, split, seed)]
    return Examples(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def _pool(bins: Tensor) -> Tensor:
    """Return sums over bands, averaged over label frames, [b, c, t, bands] of [b, c, bins, hops]."""
    per_hop = bins.mT @ mel_bands()
    scenes, channels, hops, bands = per_hop.shape
    per_frame = LABEL_HOP // HOP
    return per_hop.view(scenes, channels, hops // per_frame, per_frame, bands).mean(3)


@cache
def mel_bands() -> Tensor:
    """Return triangular bands, evenly spaced in mel: float [bins, bands]."""
    lowest, highest = _mel(torch.tensor([LOWEST_HZ, SAMPLE_RATE / 2])).tolist()
    edges = torch.linspace(lowest, highest, BANDS + 2)
    bins = _mel(torch.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)).unsqueeze(-1)
    away: Tensor = (bins - edges[1:-1]).abs() / (edges[1] - edges[0])
    return (1 - away).clamp(min=0)


def _mel(hertz: Tensor) -> Tensor:
    """Return frequencies [hertz] in mel; D. O'Shaughnessy, "Speech Communication", 1987."""
    return 2595 * torch.log10(1 + hertz / 700)
