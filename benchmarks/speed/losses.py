"""Compare training steps of a small localizer with a tracking loss and with exact permutation-invariant training.

    python benchmarks/speed/losses.py

The network, the features and the two sources are the same in all ways; only the loss differs. The network is a light
SELDnet: three convolutions and a GRU, from spectral features every 20 ms to two directions every 100 ms. The time of a
matcher does not depend on the network, so its share is larger with a lighter one: the second table is for the same
network with features every 100 ms.
"""

from collections.abc import Iterator
from functools import partial

import torch
import typer
from measure import Repeats, compare, store
from torch import Tensor, nn
from torch.nn.functional import normalize

import hnetzoo
from hnetzoo.losses import PermutationInvariantLoss, TrackingLoss, chordal_distance

SEQUENCES, FRAMES, CHANNELS, BANDS = 16, 50, 7, 64  # seven channels: four log-spectra and an intensity vector
SOURCES = 2
STEPS = 20


def convolution(channels: int, filters: int, frames: int) -> list[nn.Module]:
    """Return a convolutional layer that pools `frames` frames and four bands into one."""
    pool = nn.MaxPool2d((frames, 4))
    return [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), pool]


class Localizer(nn.Module):
    """Directions of sources from features: float [b, channels, rate t, bands] to unit vectors [b, t, sources, 3]."""

    def __init__(self, rate: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            *convolution(CHANNELS, 32, rate), *convolution(32, 32, 1), *convolution(32, 32, 1)
        )
        self.recurrent = nn.GRU(32 * BANDS // 4**3, 64, batch_first=True, bidirectional=True)
        self.output = nn.Linear(128, SOURCES * 3)

    def forward(self, features: Tensor) -> Tensor:
        """Return the estimated directions, unit vectors [b, t, sources, 3]."""
        spectral = self.convolutions(features).transpose(1, 2).flatten(2)  # [b, t, channels x bands]
        points: Tensor = self.output(self.recurrent(spectral)[0])
        return normalize(points.view(*points.shape[:2], SOURCES, 3), dim=-1)


def steps(loss: nn.Module, rate: int) -> Iterator[None]:
    """Yield after each training step, from the same weights and on the same data for every loss."""
    torch.manual_seed(0)
    network = Localizer(rate).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
    features = torch.randn(SEQUENCES, CHANNELS, FRAMES * rate, BANDS)
    references = normalize(torch.randn(SEQUENCES, 1, SOURCES, 3), dim=-1).expand(-1, FRAMES, -1, -1)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(references, network(features)).backward()
        optimizer.step()
        yield


def main(repeats: Repeats = 7) -> None:
    """Time training steps with each loss at both rates of feature frames, and store the results."""
    losses: dict[str, nn.Module] = {
        "TrackingLoss through exchangeable": TrackingLoss(hnetzoo.load_model("exchangeable", unmatched="never")),
        "TrackingLoss through sinkhorn": TrackingLoss(hnetzoo.load_model("sinkhorn")),
        "TrackingLoss through hnetgru": TrackingLoss(hnetzoo.load_model("hnetgru")),
        "exact permutation-invariant training": PermutationInvariantLoss(chordal_distance),
    }
    for result, rate in (("losses", 5), ("losses-light", 1)):
        ways = {name: partial(steps, loss, rate) for name, loss in losses.items()}
        what = (
            f"{STEPS} steps at {SOURCES} sources on {SEQUENCES} sequences of {FRAMES} frames, feature frames for each: "
            f"{rate},"
        )
        store(result, f"Training steps with a tracking loss, {rate} to 1", what, {"": compare(ways, repeats)})


if __name__ == "__main__":
    typer.run(main)
