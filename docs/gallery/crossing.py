"""Two tracks that cross.

Two directions move on great circles and pass one another. References are where they were observed ten frames ago,
so that at the crossing the nearest prediction belongs to the other source. Each line is the probability that a
model gives the true pair, from distances alone: no model can know better there, but it can be less sure.
"""

from typing import Any

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from torch import Tensor

import hnetzoo
from hnetzoo.losses import chordal_distance

ALT = (
    "Probability of the true pair over frames for four models. All are sure while the tracks are apart and wrong "
    "while they cross, between frames 40 and 50; the exact solver changes at once, exchangeable over several "
    "frames."
)
MODELS: dict[str, dict[str, Any]] = {
    "hungarian": {},
    "hnetgru": {},
    "sinkhorn": {"end_temperature": 0.1},
    "exchangeable": {},
}
GAP = 10  # frames between references and predictions


def directions(frames: int) -> Tensor:
    """Return unit vectors [t, 2, 3] of two sources on the horizon that meet in the middle."""
    azimuth = torch.deg2rad(torch.linspace(-40, 40, frames))
    azimuth = torch.stack((azimuth, -azimuth), 1)
    elevation = torch.deg2rad(torch.tensor([2.5, -2.5])).expand_as(azimuth)
    return torch.stack((azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()), 2)


def draw() -> Figure:
    """Return the figure."""
    sources = directions(81)
    distance = chordal_distance(sources[:-GAP], sources[GAP:])  # [t, 2, 2]; sources keep their slots
    figure, panel = pyplot.subplots(figsize=(9, 3.2), layout="constrained")
    for name, settings in MODELS.items():
        with torch.no_grad():
            probability = hnetzoo.load_model(name, **settings)(distance).sigmoid()
        panel.plot(torch.arange(GAP, 81), probability[:, 0, 0], label=name, alpha=0.9)
    panel.set(xlabel="frame", ylabel="probability of the true pair", ylim=(-0.03, 1.03))
    figure.legend(loc="outside right upper")
    return figure
