"""Learning to track.

A small recurrent network sees two moving sources, in random order in every frame, and is to keep them on tracks of
their own. With a mean squared error in fixed order it cannot know which output is whose. Permutation-invariant
training pairs every frame anew, so that tracks may change sources; `TrackingLoss` through a matcher charges for
that.
"""

import torch
from matplotlib import pyplot
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import normalize

import hnetzoo
from hnetzoo.losses import PermutationInvariantLoss, TrackingLoss, chordal_distance
from hnetzoo.tracking_metrics import clear_mot

ALT = (
    "MOTA on unseen scenes over 200 training steps: the mean squared error stays below 0, permutation-invariant "
    "training rises first and ends near 0.6, training through sinkhorn ends above 0.9."
)
STEPS = 200


class Localizer(nn.Module):
    """Maps observations [b, t, 6] to directions [b, t, 2, 3]."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.output = nn.GRU(6, 64, batch_first=True), nn.Linear(64, 6)

    def forward(self, observed: Tensor) -> Tensor:
        """Return unit vectors."""
        hidden, _ = self.recurrent(observed)
        return normalize(self.output(hidden).unflatten(2, (2, 3)), dim=-1)


def scenes(count: int) -> tuple[Tensor, Tensor]:
    """Return two random walks on the sphere, [b, t, 2, 3], and the same in random order, [b, t, 6]."""
    sources = normalize(torch.randn(count, 1, 2, 3) + 0.05 * torch.randn(count, 10, 2, 3).cumsum(1), dim=-1)
    swapped = torch.rand(count, 10, 1, 1) < 0.5
    return sources, torch.where(swapped, sources.flip(2), sources).flatten(2)


def scores(loss: nn.Module) -> list[float]:
    """Return the MOTA on unseen scenes after every twentieth step of training a new network."""
    torch.manual_seed(0)
    network, found = Localizer(), []
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    test, observed = scenes(64)
    for step in range(STEPS + 1):
        if step % 20 == 0:
            found.append(clear_mot(chordal_distance(test, network(observed).detach()), gate=0.5).mota)
        sources, mixed = scenes(32)
        optimizer.zero_grad()
        loss(sources, network(mixed)).backward()
        optimizer.step()
    return found


def draw() -> Figure:
    """Return the figure."""
    losses = {
        "mean squared error, fixed order": nn.MSELoss(),
        "permutation-invariant": PermutationInvariantLoss(),
        "through sinkhorn": TrackingLoss(hnetzoo.load_model("sinkhorn")),
    }
    figure, panel = pyplot.subplots(figsize=(9, 3.2), layout="constrained")
    for name, loss in losses.items():
        panel.plot(range(0, STEPS + 1, 20), scores(loss), label=name)
    panel.set(xlabel="step", ylabel="MOTA on unseen scenes")
    figure.legend(loc="outside right upper")
    return figure
