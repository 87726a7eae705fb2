"""An exchangeable network that sees boxes beside distances: where they are, how large, where they were heading.

Cells see differences of features in units of box heights. Before each layer the network estimates how the scene as a
whole has been displaced, from what it has matched so far, and sees how far each pair is from that: a camera that turns
or drives moves all boxes alike. Without features it answers from the distances alone.

Sources: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2 (exchangeable matrix
layer); `hnetzoo.association.transport` for the solver.
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo_exchangeable.box_cells import CELL_FEATURES, BoxCells, box_cells
from hnetzoo_exchangeable.config import MotionConfig
from hnetzoo_exchangeable.features import FEATURES, finite_distances, pair_features
from hnetzoo_exchangeable.layers import CostHeads, ExchangeableLayer, transported

MOVING = 8
"""Features of a pair that follow from displacements: both kinds, as they are and from those of the scene."""
INPUTS = FEATURES + CELL_FEATURES + MOVING + 1
LEAST_WEIGHT = 1e-3
"""Of all pairs of a problem together, below which they do not tell how the scene is displaced."""


class Motion(hnetzoo.FeatureModel):
    """Association logits from distances and features of boxes, of problems of any size.

    Args:
        config: Settings.
        shape: Ignored; the weights do not depend on the size.

    Example:
        >>> model, boxes = Motion(MotionConfig(), (2, 2)), torch.rand(4, 5, 9)
        >>> model(torch.rand(4, 3, 5), row_features=boxes[:, :3], col_features=boxes).shape
        torch.Size([4, 3, 5])
    """

    feature_count = len(hnetzoo.boxes.FEATURES)

    def __init__(self, config: MotionConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.embed = nn.Linear(INPUTS, channels)
        self.layers = nn.ModuleList(ExchangeableLayer(channels, config.scores, INPUTS) for _ in range(config.layers))
        self.costs = CostHeads(channels)

    def logits(
        self,
        distance: Tensor,
        allowed: Tensor,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        """Return logits [b, n, m] whose sigmoid is the transported mass, in float32 or float64."""
        distance = finite_distances(distance)
        known, scale = pair_features(distance, allowed)
        cells = None
        if row_features is not None and col_features is not None:
            cells = box_cells(row_features.to(distance.dtype), col_features.to(distance.dtype))
        state = self._states(known, cells, allowed)
        costs = self.costs(state, distance / scale, allowed)
        return transported(costs, allowed, self.config.training_steps if self.training else self.config.transport_steps)

    def _states(self, known: Tensor, cells: BoxCells | None, allowed: Tensor) -> Tensor:
        """Return the states of pairs [b, n, m, c], of their features by distance and, if any, by their boxes."""
        if cells is None:
            features = torch.cat((known, known.new_zeros(*allowed.shape, INPUTS - FEATURES)), -1)
        else:
            known = torch.cat((known, cells.fixed.asinh(), torch.ones_like(known[..., :1])), -1)
            features = _seen(known, cells.displaced, torch.zeros_like(cells.displaced[:, :1, :1]), allowed)
        dtype = self.embed.weight.dtype
        state: Tensor = self.embed(features.to(dtype))
        for layer in cast(Iterable[ExchangeableLayer], self.layers):
            competing = layer.compete(state, allowed)
            if cells is not None:
                weights = (competing[..., 0] + competing[..., self.config.scores]).exp() * allowed
                features = _seen(known, cells.displaced, _scene_displacement(cells.displaced, weights), allowed)
            state = layer(state, features.to(dtype), competing, allowed)
        return state


def _seen(known: Tensor, displaced: Tensor, scene: Tensor, allowed: Tensor) -> Tensor:
    """Return the features of pairs, [b, n, m, INPUTS], given the displacement of the scene [b, 1, 1, 4]."""
    features = torch.cat((known, displaced.asinh(), (displaced - scene).asinh()), -1)
    return features.masked_fill(~allowed.unsqueeze(-1), 0.0)


def _scene_displacement(displaced: Tensor, weights: Tensor) -> Tensor:
    """Return the mean displacement of a problem, [b, 1, 1, 4], of those of pairs [b, n, m, 4] by weights [b, n, m]."""
    total = weights.sum((1, 2)).clamp(min=LEAST_WEIGHT).view(-1, 1, 1, 1)
    return (weights.unsqueeze(-1) * displaced).sum((1, 2), keepdim=True) / total
