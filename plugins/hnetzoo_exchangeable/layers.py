"""Layers that are exchangeable in rows and columns, and heads that read the costs of optimal transport from them.

How the layer differs from the paper: pooling is by maxima and log-softmax of learned scores along rows and columns, by
the mean over the whole problem, and rows and columns may be masked.

Source: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import hnetzoo

LEAST_LOG_SHARE = -10.0
"""Least log-softmax passed to a state: smaller values only add rounding errors."""
LEAST_STATE = -50.0
"""Stands for the maximum of the states of a slot without an allowed pair."""
LOG_SHARPNESS = (-3.0, 5.5)
"""Range of the log of the weight of distances in costs [1 / scale]; much sharper costs need more steps of transport."""
START_TEMPERATURE, RELAXATION = 80.0, 1.6
"""Of transport over learned costs, whose last temperature is 1: as the loss sees it."""

Costs = tuple[Tensor, Tensor, Tensor]
"""Of pairs [b, n, m], of unmatched rows [b, n] and of unmatched columns [b, m]."""


class ExchangeableLayer(nn.Module):
    """The next states of all pairs, from those of their rows, their columns and the problem.

    Args:
        channels: Channels of a state, c.
        scores: Learned scores per pair, k.
        features: Features of a pair, f.

    Example:
        >>> layer = ExchangeableLayer(channels=8, scores=2, features=5)
        >>> state, features, allowed = torch.rand(1, 2, 3, 8), torch.rand(1, 2, 3, 5), torch.ones(1, 2, 3).bool()
        >>> layer(state, features, layer.compete(state, allowed), allowed).shape
        torch.Size([1, 2, 3, 8])
    """

    def __init__(self, channels: int, scores: int, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(channels, scores)
        self.of_pair = nn.Linear(channels + features + 2 * scores, channels)
        self.of_row = nn.Linear(channels, channels, bias=False)
        self.of_column = nn.Linear(channels, channels, bias=False)
        self.of_all = nn.Linear(channels, channels, bias=False)
        self.update = nn.Linear(channels, channels)
        self.norm = nn.LayerNorm(channels)

    def compete(self, state: Tensor, allowed: Tensor) -> Tensor:
        """Return the log shares of pairs in their rows and in their columns by each score, [b, n, m, 2 k]."""
        scores = self.score(state) + absent(allowed, state.dtype)
        return torch.cat((scores.log_softmax(2), scores.log_softmax(1)), -1).clamp(min=LEAST_LOG_SHARE)

    def forward(self, state: Tensor, features: Tensor, competing: Tensor, allowed: Tensor) -> Tensor:
        """Return the next state [b, n, m, c].

        Args:
            state: Float [b, n, m, c].
            features: Float [b, n, m, f].
            competing: What `compete` returns of the state.
            allowed: Bool [b, n, m].
        """
        present = state + absent(allowed, state.dtype)
        rows = self.of_row(_largest(present, 2)) + self.of_all(_mean(state, allowed, (1, 2)))
        columns = self.of_column(_largest(present, 1))
        hidden = self.of_pair(torch.cat((state, features, competing), -1)) + rows + columns
        following: Tensor = self.norm(state + self.update(torch.relu(hidden)))
        return following


class CostHeads(nn.Module):
    """The costs of transport, read from the states of pairs.

    Each is what the states say plus a share of the distance, in a unit of the problem's own, so that ties and near ties
    are decided by the distances.

    Example:
        >>> pairs, rows, columns = CostHeads(8)(torch.rand(1, 2, 3, 8), torch.rand(1, 2, 3), torch.ones(1, 2, 3).bool())
        >>> pairs.shape, rows.shape, columns.shape
        (torch.Size([1, 2, 3]), torch.Size([1, 2]), torch.Size([1, 3]))
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pair_cost = nn.Linear(channels, 1)
        self.sharpness = _head(channels, 1)
        self.row_cost = _head(channels, 2)
        self.column_cost = _head(channels, 2)

    def forward(self, state: Tensor, distance: Tensor, allowed: Tensor) -> Costs:
        """Return the costs, of states [b, n, m, c] and of distances in the scale of their problem [b, n, m]."""
        whole, rows, columns = (_pooled(state, allowed, axes) for axes in ((1, 2), (2,), (1,)))
        sharpness = self.sharpness(whole).clamp(*LOG_SHARPNESS).exp()
        pair_cost = self.pair_cost(state).squeeze(-1) + sharpness.unsqueeze(-1) * distance
        return pair_cost, _slot_cost(self.row_cost(rows), sharpness), _slot_cost(self.column_cost(columns), sharpness)


def transported(costs: Costs, allowed: Tensor, steps: int) -> Tensor:
    """Return the logits [b, n, m] whose sigmoid is the mass that transport over learned costs moves."""
    annealing = hnetzoo.Annealing(steps, START_TEMPERATURE, 1.0, RELAXATION)
    return hnetzoo.transport_logits(costs[0], allowed, *costs[1:], annealing, scale=1.0)


def _head(channels: int, outputs: int) -> nn.Sequential:
    """Return a network of one hidden layer that reads pooled states."""
    return nn.Sequential(nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, outputs))


def _slot_cost(read: Tensor, sharpness: Tensor) -> Tensor:
    """Return the cost of leaving slots unmatched, [b, slots], of two outputs per slot and the sharpness [b, 1]."""
    return read[..., 0] + sharpness * softplus(read[..., 1])


def absent(allowed: Tensor, dtype: torch.dtype) -> Tensor:
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
    largest = _largest(state + absent(allowed, state.dtype), axes, keepdim=False)
    return torch.cat((largest, _mean(state, allowed, axes, keepdim=False)), -1)
