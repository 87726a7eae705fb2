"""Sinkhorn over temperatures.

The same problem solved by entropic transport that stops at ever lower temperatures, in units of the problem's
scale. A hot plan spreads over all pairs and passes gradients to all distances; a cold one is the exact assignment.
"""

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure

import hnetzoo

ALT = (
    "Four matrices of 6 x 6 logits at temperatures 1, 0.3, 0.05 and 0.001: nearly even at first, then a few large"
    " entries, and in the end one large entry in every row and column."
)
TEMPERATURES = (1.0, 0.3, 0.05, 0.001)


def draw() -> Figure:
    """Return the figure."""
    distance = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(3))
    exact = hnetzoo.assign(distance)[0].nonzero().tolist()
    figure, panels = pyplot.subplots(1, len(TEMPERATURES), figsize=(9, 2.9), layout="constrained")
    for panel, temperature in zip(panels, TEMPERATURES, strict=True):
        model = hnetzoo.load_model("sinkhorn", start_temperature=1.0, end_temperature=temperature)
        image = panel.imshow(model(distance)[0].numpy(), cmap="RdBu", vmin=-20, vmax=20)
        panel.scatter([j for _, j in exact], [i for i, _ in exact], s=14, color="white", edgecolor="black")
        panel.set(title=f"temperature {temperature:g}", xticks=[], yticks=[])
    figure.colorbar(image, ax=panels, label="logit", shrink=0.8, extend="both")
    return figure
