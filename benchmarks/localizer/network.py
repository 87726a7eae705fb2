"""A small convolutional recurrent localizer."""

from math import prod
from typing import NamedTuple

from torch import Tensor, nn

from benchmarks.localizer.features import BANDS, FEATURES


class Estimate(NamedTuple):
    """Output of the localizer."""

    directions: Tensor
    """Float [b, t, n, 3], of any length."""
    activity: Tensor
    """Float [b, t, n], logits."""


class Localizer(nn.Module):
    """Three convolutions, which pool the bands, and a bidirectional GRU over label frames.

    Args:
        max_sources: Number of outputs, one track each.

    Example:
        >>> import torch
        >>> estimate = Localizer(2)(torch.rand(4, 7, 40, 32))
        >>> estimate.directions.shape, estimate.activity.shape
        (torch.Size([4, 40, 2, 3]), torch.Size([4, 40, 2]))

    Source: after SELDnet; S. Adavanne, A. Politis, J. Nikunen, T. Virtanen, IEEE JSTSP 2019.
    """

    CHANNELS = (32, 48, 64)
    POOLS = (4, 4, 2)  # over bands
    HIDDEN = 64

    def __init__(self, max_sources: int) -> None:
        super().__init__()
        widths = zip((FEATURES, *self.CHANNELS), self.CHANNELS, self.POOLS, strict=False)
        self.normalise = nn.BatchNorm2d(FEATURES)
        self.convolutions = nn.Sequential(*(self._block(*width) for width in widths))
        channels = self.CHANNELS[-1] * (BANDS // prod(self.POOLS))
        self.recurrent = nn.GRU(channels, self.HIDDEN, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * self.HIDDEN, max_sources * 4)

    def forward(self, features: Tensor) -> Estimate:
        """Return the estimate of features, float [b, 7, t, bands]."""
        maps = self.convolutions(self.normalise(features))  # [b, c, t, bands left]
        states, _ = self.recurrent(maps.transpose(1, 2).flatten(2))
        answer = self.head(states).view(len(features), features.shape[2], -1, 4)  # [b, t, n, 4]
        return Estimate(answer[..., :3], answer[..., 3])

    @staticmethod
    def _block(inputs: int, outputs: int, pool: int) -> nn.Module:
        convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d((1, pool)))
