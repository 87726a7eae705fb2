"""Gradients through a matcher.

Two references stand left and right, one prediction is in the middle, and the other moves from left to right between
them. Lines show how a step against the gradient of the matched distance would move it: to the left below zero, to
the right above. The exact solver pulls to one reference, then from one place to the next to the other, and says
nothing of the tie. A soft matcher weighs both pairings, over a range that its temperature sets, and pushes away
from the tie.
"""

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from torch import Tensor

import hnetzoo

ALT = (
    "Pull on a prediction over its place between two references. Through the exact solver it jumps from left to "
    "right at the middle; through sinkhorn it passes smoothly, the more gradually the higher the temperature."
)
REFERENCES = torch.tensor([[0.2, 0.5], [0.8, 0.5]])
MATCHERS = {
    "hungarian": hnetzoo.load_model("hungarian"),
    **{
        f"sinkhorn, temperature {temperature:g}": hnetzoo.load_model("sinkhorn", training_temperature=temperature)
        for temperature in (0.02, 0.3)
    },
}


def pull(matcher: torch.nn.Module, place: Tensor) -> Tensor:
    """Return minus the gradient of the matched distance along the way, float [b], for places [b]."""
    place = place.clone().requires_grad_()
    moving = torch.stack((place, torch.full_like(place, 0.7)), 1)
    still = torch.tensor([0.5, 0.2]).expand_as(moving)
    distance = torch.cdist(REFERENCES.expand(len(place), 2, 2), torch.stack((moving, still), 1))
    (matcher(distance).sigmoid() * distance).sum().backward()
    assert place.grad is not None
    return -place.grad


def draw() -> Figure:
    """Return the figure."""
    place = torch.linspace(0, 1, 200)
    figure, panel = pyplot.subplots(figsize=(9, 3.2), layout="constrained")
    for name, matcher in MATCHERS.items():
        panel.plot(place, pull(matcher, place), label=name)
    panel.set(xlabel="place of the prediction; references at 0.2 and 0.8", ylabel="pull to the right")
    figure.legend(loc="outside right upper")
    return figure
