"""An exchangeable network that sees boxes beside distances: where they are, how large, where they were heading.

Cells see differences of features in units of box heights. Before each layer the network estimates how the scene as a
whole has been displaced, from what it has matched so far, and sees how far each pair is from that: a camera that turns
or drives moves all boxes alike. Costs of pairs hold a share of the distance and one of the IoU from where the velocity
points, which decide near ties. Without features it answers from the distances alone.

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
from hnetzoo_exchangeable.layers import AllowedPairs, CostHeads, ExchangeableLayer, problems_last, transported

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
        self.costs = CostHeads(channels, distances=2)

    def logits(
        self,
        distance: Tensor,
        allowed: Tensor,
        row_features: Tensor | None = None,
        col_features: Tensor | None = None,
    ) -> Tensor:
        """Return logits [b, n, m] whose sigmoid is the transported mass, plus the bias, in float32 or float64."""
        distance = finite_distances(distance)
        known, scale = pair_features(distance, allowed)
        cells = None
        if row_features is not None and col_features is not None:
            cells = box_cells(row_features.to(distance.dtype), col_features.to(distance.dtype))
        pairs = AllowedPairs.of(allowed, self.embed.weight.dtype)
        state = self._states(known, cells, pairs)
        apart = torch.zeros_like(distance) if cells is None else cells.apart
        costs = self.costs(state, torch.stack((distance / scale, apart), -1), pairs)
        steps = self.config.training_steps if self.training else self.config.transport_steps
        return transported(costs, allowed, steps) + self.config.bias

    def _states(self, known: Tensor, cells: BoxCells | None, pairs: AllowedPairs) -> Tensor:
        """Return the states of pairs [n, m, b, c], of their features by distance and, if any, by their boxes."""
        if cells is None:
            displaced = None
            features = problems_last(nn.functional.pad(known, (0, INPUTS - FEATURES)))
        else:
            known = torch.cat((known, cells.fixed.asinh(), torch.ones_like(known[..., :1])), -1)
            known, displaced = problems_last(known), problems_last(cells.displaced)
            features = _seen(known, displaced, torch.zeros_like(displaced[:1, :1]), pairs)
        dtype = self.embed.weight.dtype
        state: Tensor = self.embed(features.to(dtype))
        for layer in cast(Iterable[ExchangeableLayer], self.layers):
            competing = layer.compete(state, pairs)
            if displaced is not None:
                weights = (competing[..., :1] + competing[..., self.config.scores : self.config.scores + 1]).exp()
                features = _seen(known, displaced, _scene_displacement(displaced, weights * pairs.mask), pairs)
            state = layer(state, features.to(dtype), competing, pairs)
        return state


def _seen(known: Tensor, displaced: Tensor, scene: Tensor, pairs: AllowedPairs) -> Tensor:
    """Return the features of pairs, [n, m, b, INPUTS], given the displacement of the scene [1, 1, b, 4]."""
    features = torch.cat((known, displaced.asinh(), (displaced - scene).asinh()), -1)
    return features.masked_fill(pairs.mask == 0, 0.0)


def _scene_displacement(displaced: Tensor, weights: Tensor) -> Tensor:
    """Return the mean displacement of problems, [1, 1, b, 4], of their pairs' [n, m, b, 4] by weights [n, m, b, 1]."""
    total = weights.sum((0, 1), keepdim=True).clamp(min=LEAST_WEIGHT)
    return (weights * displaced).sum((0, 1), keepdim=True) / total
