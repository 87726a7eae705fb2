"""A small convolutional recurrent localizer, with one output per track or with tracks of every sound class."""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from benchmarks.localizer.features import BANDS, FEATURES

ACTIVE_LENGTH = 0.5  # of an activity-coupled vector, above which its track is active
DUPLICATE_DEG = 15.0  # tracks of a class nearer than this are of one source


class Estimate(NamedTuple):
    """Output of the localizer, for m tracks."""

    directions: Tensor
    """Float [b, t, m, 3], of any length."""
    activity: Tensor
    """Float [b, t, m], logits; a track is active where its logit is positive."""
    sounds: Tensor
    """Float [b, t, m, c], logits of sound classes; c is 0 without classes."""


class Localizer(nn.Module):
    """Three convolutions, which pool the bands, and a bidirectional GRU over label frames.

    Args:
        max_sources: Number of outputs, one track each.
        classes: Number of sound classes; 0 without.
        channels: Of the convolutions.

    Example:
        >>> estimate = Localizer(2)(torch.rand(4, 7, 40, 32))
        >>> estimate.directions.shape, estimate.activity.shape
        (torch.Size([4, 40, 2, 3]), torch.Size([4, 40, 2]))

    Source: after SELDnet; S. Adavanne, A. Politis, J. Nikunen, T. Virtanen, IEEE JSTSP 2019.
    """

    POOLS = (4, 4, 2)  # over bands
    HIDDEN = 64

    def __init__(self, max_sources: int, classes: int = 0, channels: tuple[int, int, int] = (32, 48, 64)) -> None:
        super().__init__()
        self.max_sources, self.classes = max_sources, classes
        widths = zip((FEATURES, *channels), channels, self.POOLS, strict=False)
        self.normalise = nn.BatchNorm2d(FEATURES)
        self.convolutions = nn.Sequential(*(self._block(*width) for width in widths))
        inputs = channels[-1] * (BANDS // prod(self.POOLS))
        self.recurrent = nn.GRU(inputs, self.HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * self.HIDDEN, self._outputs())

    def forward(self, features: Tensor) -> Estimate:
        """Return the estimate of features, float [b, 7, t, bands]."""
        maps = self.convolutions(self.normalise(features))  # [b, c, t, bands left]
        states, _ = self.recurrent(maps.transpose(1, 2).flatten(2))
        return self._estimate(self.head(states))

    def detect(self, estimate: Estimate) -> Estimate:
        """Return what is reported of an estimate: here the estimate itself."""
        return estimate

    def _outputs(self) -> int:
        return self.max_sources * (4 + self.classes)

    def _estimate(self, answer: Tensor) -> Estimate:
        """Return the estimate of outputs [b, t, outputs]."""
        parts = answer.view(*answer.shape[:2], self.max_sources, -1)
        return Estimate(parts[..., :3], parts[..., 3], parts[..., 4:])

    @staticmethod
    def _block(inputs: int, outputs: int, pool: int) -> nn.Module:
        convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d((1, pool)))


class ClassWiseLocalizer(Localizer):
    """The same network with activity-coupled vectors of some tracks of every class (multi-ACCDOA), c n tracks in all.

    Example:
        >>> ClassWiseLocalizer(2, 3)(torch.rand(4, 7, 40, 32)).directions.shape
        torch.Size([4, 40, 6, 3])

    Source: K. Shimada et al., "Multi-ACCDOA", ICASSP 2022, whose tracks of a class that agree are joined.
    """

    def detect(self, estimate: Estimate) -> Estimate:
        """Return the estimate without duplicates: active tracks of a class that agree become one, in the mean of them.

        It takes the place of the first of them.
        """
        split = (*estimate.activity.shape[:2], max(1, self.classes), self.max_sources)
        vectors, present = estimate.directions.view(*split, 3), (estimate.activity > 0).view(split)
        unit = normalize(vectors, dim=-1)
        near = (unit @ unit.mT > torch.tensor(DUPLICATE_DEG).deg2rad().cos()) & present.unsqueeze(-1)
        near &= present.unsqueeze(-2)
        repeats = near.tril(-1).any(-1)  # an earlier track is near
        joined = near.triu().to(unit.dtype) @ unit
        directions = torch.where(present.unsqueeze(-1), joined, vectors).flatten(2, 3)
        return estimate._replace(
            directions=directions, activity=estimate.activity.masked_fill(repeats.flatten(2), -torch.inf)
        )

    def _outputs(self) -> int:
        return max(1, self.classes) * self.max_sources * 3

    def _estimate(self, answer: Tensor) -> Estimate:
        vectors = answer.view(*answer.shape[:2], -1, 3)  # [b, t, c n, 3]
        of_class = torch.eye(self.classes, device=answer.device).repeat_interleave(self.max_sources, 0)
        sounds = of_class.expand(*vectors.shape[:2], *of_class.shape) if self.classes else vectors[..., :0]
        return Estimate(vectors, vectors.norm(dim=-1) - ACTIVE_LENGTH, sounds)


Build = Callable[[], Localizer]
"""Returns a new localizer with random weights."""
