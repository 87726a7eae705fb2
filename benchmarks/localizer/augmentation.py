"""Augmentation by the 48 symmetries of a cube: features of rotated and mirrored scenes without new audio.

A signed permutation of the axes permutes the spectra of X, Y and Z, and permutes and signs intensities and directions.
Any other rotation would mix spectra, which needs their phases.
"""

import torch
from torch import Tensor

from benchmarks.localizer.features import Examples


def turn(examples: Examples, generator: torch.Generator) -> Examples:
    """Return every scene turned by its own random symmetry.

    Example:
        >>> labels = torch.ones(1, 5, 2)
        >>> scene = Examples(torch.rand(1, 7, 5, 32), torch.rand(1, 5, 2, 3), labels.bool(), labels, labels)
        >>> turned = turn(scene, torch.Generator().manual_seed(0)).directions
        >>> torch.allclose(turned.norm(dim=-1), scene.directions.norm(dim=-1))
        True
    """
    scenes = len(examples.features)
    axes = torch.rand((scenes, 3), generator=generator).argsort(1)
    signs = torch.randint(2, (scenes, 3), generator=generator) * 2.0 - 1
    return apply(examples, axes, signs)


def apply(examples: Examples, axes: Tensor, signs: Tensor) -> Examples:
    """Return scenes whose axis i is the old axis `axes[i]` times `signs[i]`; both are [b, 3]."""
    rows = torch.arange(len(axes)).unsqueeze(1)
    omni, spectra, intensity = torch.split(examples.features, [1, 3, 3], 1)
    turned = intensity[rows, axes] * signs[:, :, None, None]
    features = torch.cat((omni, spectra[rows, axes], turned), 1)
    order = axes[:, None, None, :].expand_as(examples.directions)
    directions = examples.directions.gather(-1, order) * signs[:, None, None, :]
    return examples._replace(features=features, directions=directions)
