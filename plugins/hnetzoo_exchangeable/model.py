"""An exchangeable network that learns the costs of pairs and of staying unmatched, and solves them by transport.

Exchangeable layers give every pair a state from the states of its row, its column and the whole problem. Three heads
read from the states a cost per pair, a cost of staying unmatched per slot, and how sharp the decision is; optimal
transport turns costs into probabilities. Permuting rows or columns permutes the output in the same way, weights do not
depend on the size, and the features of pairs include the problem's own scale, so that one set of weights serves
problems of any size, mask and unit. Without learned costs it solves the distances themselves, exactly.

How the layer differs from the paper: pooling is by maxima and log-softmax of learned scores along rows and columns, by
the mean over the whole problem, and rows and columns may be masked.

Sources: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2 (exchangeable matrix
layer); `hnetzoo.association.transport` for the solver.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableConfig
from hnetzoo_exchangeable.features import FEATURES, pair_features

LEAST_LOG_SHARE = -10.0
"""Least log-softmax passed to a state: smaller values only add rounding errors."""
LEAST_STATE = -50.0
"""Stands for the maximum of the states of a slot without an allowed pair."""
LOG_SHARPNESS = (-3.0, 5.5)
"""Range of the log of the weight of distances in costs [1 / scale]; much sharper costs need more steps of transport."""
START_TEMPERATURE, RELAXATION = 80.0, 1.6
"""Of transport over learned costs, whose last temperature is 1: as the loss sees it."""


class ExchangeableLayer(nn.Module):
    """The next states of all pairs, from those of their rows, their columns and the problem.

    Example:
        >>> layer = ExchangeableLayer(channels=8, scores=2)
        >>> state, features = torch.rand(1, 2, 3, 8), torch.rand(1, 2, 3, FEATURES)
        >>> layer(state, features, torch.ones(1, 2, 3, dtype=torch.bool)).shape
        torch.Size([1, 2, 3, 8])
    """

    def __init__(self, channels: int, scores: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, scores)
        self.of_pair = nn.Linear(channels + FEATURES + 2 * scores, channels)
        self.of_row = nn.Linear(channels, channels, bias=False)
        self.of_column = nn.Linear(channels, channels, bias=False)
        self.of_all = nn.Linear(channels, channels, bias=False)
        self.update = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, state: Tensor, features: Tensor, allowed: Tensor) -> Tensor:
        """Return the next state [b, n, m, c], of state [b, n, m, c], features [b, n, m, f] and allowed [b, n, m]."""
        absent = _absent(allowed, state.dtype)
        scores = self.score(state) + absent
        competing = torch.cat((scores.log_softmax(2), scores.log_softmax(1)), -1).clamp(min=LEAST_LOG_SHARE)
        present = state + absent
        rows = self.of_row(_largest(present, 2)) + self.of_all(_mean(state, allowed, (1, 2)))
        columns = self.of_column(_largest(present, 1))
        hidden = self.of_pair(torch.cat((state, features, competing), -1)) + rows + columns
        following: Tensor = self.norm(state + self.update(torch.relu(hidden)))
        return following


class Exchangeable(hnetzoo.AssociationModel):
    """Association logits from distances of any size.

    Args:
        config: Settings.
        shape: Ignored; the weights do not depend on the size.

    Example:
        >>> model = Exchangeable(ExchangeableConfig(), (2, 2))
        >>> model(torch.rand(4, 3, 5)).shape
        torch.Size([4, 3, 5])
    """

    def __init__(self, config: ExchangeableConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.embed = nn.Linear(FEATURES, channels)
        self.layers = nn.ModuleList(ExchangeableLayer(channels, config.scores) for _ in range(config.layers))
        self.pair_cost = nn.Linear(channels, 1)
        self.sharpness = _head(channels, 1)
        self.row_cost = _head(channels, 2)
        self.column_cost = _head(channels, 2)

    @property
    def ignores_weights(self) -> bool:
        """Whether the distances themselves are solved, so that the scope of the weights says nothing."""
        return self.config.unmatched != "learned"

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m] whose sigmoid is the transported mass, in float32 or float64."""
        if self.config.unmatched != "learned":
            return self._solve(distance, allowed, self.config.unmatched)
        costs = self.learned_costs(distance.to(torch.promote_types(distance.dtype, torch.float32)), allowed)
        steps = self.config.training_steps if self.training else self.config.transport_steps
        annealing = hnetzoo.Annealing(steps, START_TEMPERATURE, 1.0, RELAXATION)
        return hnetzoo.transport_logits(costs[0], allowed, *costs[1:], annealing, scale=1.0)

    def learned_costs(self, distance: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the cost of pairs [b, n, m] and of unmatched rows [b, n] and columns [b, m].

        Each is what the states say plus a share of the distance, in a unit of the problem's own, so that ties and near
        ties are decided by the distances.
        """
        features, scale = pair_features(distance, allowed)
        features = features.to(self.embed.weight.dtype)
        state = self.embed(features)
        for layer in self.layers:
            state = layer(state, features, allowed)
        whole, rows, columns = (_pooled(state, allowed, axes) for axes in ((1, 2), (2,), (1,)))
        sharpness = self.sharpness(whole).clamp(*LOG_SHARPNESS).exp()
        pair_cost = self.pair_cost(state).squeeze(-1) + sharpness.unsqueeze(-1) * (distance / scale)
        return pair_cost, _slot_cost(self.row_cost(rows), sharpness), _slot_cost(self.column_cost(columns), sharpness)

    def _solve(self, distance: Tensor, allowed: Tensor, unmatched: float | Literal["never"]) -> Tensor:
        """Return the logits of transport over the distances themselves, as `sinkhorn` does."""
        trains = torch.is_grad_enabled() and distance.requires_grad
        costs = hnetzoo.unmatched_costs(distance, allowed, unmatched)
        if not trains:
            return hnetzoo.transport_logits(distance, allowed, *costs)
        coldest, scale = self.config.training_temperature, hnetzoo.typical_distance(distance, allowed)
        return hnetzoo.transport_logits(distance, allowed, *costs, coldest=coldest, scale=scale)


def _head(channels: int, outputs: int) -> nn.Sequential:
    """Return a network of one hidden layer that reads pooled states."""
    return nn.Sequential(nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, outputs))


def _slot_cost(read: Tensor, sharpness: Tensor) -> Tensor:
    """Return the cost of leaving slots unmatched, [b, slots], of two outputs per slot and the sharpness [b, 1]."""
    return read[..., 0] + sharpness * softplus(read[..., 1])


def _absent(allowed: Tensor, dtype: torch.dtype) -> Tensor:
    """Return 0 for allowed pairs and `hnetzoo.ABSENT` elsewhere, [b, n, m, 1]: adding is faster than masking."""
    return torch.where(allowed, 0.0, hnetzoo.ABSENT).to(dtype).unsqueeze(-1)


def _largest(present: Tensor, axes: int | tuple[int, ...], *, keepdim: bool = True) -> Tensor:
    return present.amax(axes, keepdim=keepdim).clamp(min=LEAST_STATE)


def _mean(state: Tensor, allowed: Tensor, axes: tuple[int, ...], *, keepdim: bool = True) -> Tensor:
    """Return the mean of the states of allowed pairs over some axes; 0 where there are none."""
    counts = allowed.sum(axes, keepdim=keepdim).clamp(min=1).unsqueeze(-1)
    return (state * allowed.unsqueeze(-1)).sum(axes, keepdim=keepdim) / counts


def _pooled(state: Tensor, allowed: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the largest and the mean states over some axes, [..., 2 c]."""
    largest = _largest(state + _absent(allowed, state.dtype), axes, keepdim=False)
    return torch.cat((largest, _mean(state, allowed, axes, keepdim=False)), -1)
