"""Layers that are exchangeable in rows and columns, and heads that read the costs of optimal transport from them.

How the layer differs from the paper: pooling is by maxima and log-softmax of learned scores along rows and columns, by
the mean over the whole problem, and rows and columns may be masked. A gated layer also sees the mean of the maxima of
rows, and what is pooled over the problem scales its hidden channels. The axis of problems stands behind those of rows
and columns, so that pooling adds and compares whole blocks of memory.

Sources: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2; J. Hu et al.,
"Squeeze-and-Excitation Networks", CVPR 2018, section 3 (gates by what is pooled).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import hnetzoo

LEAST_LOG_SHARE = -10.0
"""Least log-softmax passed to a state: smaller values only add rounding errors."""
LEAST_STATE = -50.0
"""Stands for the maximum of the states of a slot without an allowed pair."""
LOG_SHARPNESS = (-3.0, 5.5)
"""Range of the log of the weight of a distance in costs [1 / unit]; much sharper costs need more steps of transport."""
START_TEMPERATURE, RELAXATION = 80.0, 1.6
"""Of transport over learned costs, whose last temperature is 1: as the loss sees it."""

Costs = tuple[Tensor, Tensor, Tensor]
"""Of pairs [b, n, m], of unmatched rows [b, n] and of unmatched columns [b, m]."""


class AllowedPairs(NamedTuple):
    """Which pairs are allowed, as layers need it.

    Fields:
        mask: 1 for allowed pairs and 0 elsewhere, float [n, m, b, 1].
        absent: 0 for allowed pairs and `hnetzoo.ABSENT` elsewhere, to be added, which is faster than masking.
        row_counts: The number of allowed pairs of each row, at least 1, float [n, 1, b, 1].
        col_counts: The same of each column, float [1, m, b, 1].
        counts: The same of each problem, float [1, 1, b, 1].

    Example:
        >>> pairs = AllowedPairs.of(torch.tensor([[[True, False]]]), torch.float32)
        >>> pairs.mask.shape, float(pairs.counts)
        (torch.Size([1, 2, 1, 1]), 1.0)
    """

    mask: Tensor
    absent: Tensor
    row_counts: Tensor
    col_counts: Tensor
    counts: Tensor

    @classmethod
    def of(cls, allowed: Tensor, dtype: torch.dtype) -> "AllowedPairs":
        """Return them of a bool tensor [b, n, m]."""
        allowed = problems_last(allowed.unsqueeze(-1))
        counts = (allowed.sum(axes, keepdim=True).clamp(min=1).to(dtype) for axes in (1, 0, (0, 1)))
        return cls(allowed.to(dtype), torch.where(allowed, 0.0, hnetzoo.ABSENT).to(dtype), *counts)

    def mean(self, state: Tensor) -> Tensor:
        """Return the mean of the states [n, m, b, c] of all allowed pairs of a problem, [1, 1, b, c]."""
        return (state * self.mask).sum((0, 1), keepdim=True) / self.counts

    def mean_of_rows(self, values: Tensor) -> Tensor:
        """Return the mean of values of rows [n, 1, b, c] over those with an allowed pair, [1, 1, b, c]."""
        usable = self.mask.amax(1, keepdim=True)
        return (values * usable).sum(0, keepdim=True) / usable.sum(0, keepdim=True).clamp(min=1)

    def pooled(self, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the largest and the mean states of rows [n, b, 2 c], columns [m, b, 2 c] and problems [b, 2 c]."""
        present, masked = state + self.absent, state * self.mask
        largest, total = present.amax(1, keepdim=True), masked.sum(1, keepdim=True)
        of_rows = _largest_and_mean(largest, total, self.row_counts)
        of_columns = _largest_and_mean(present.amax(0, keepdim=True), masked.sum(0, keepdim=True), self.col_counts)
        of_all = _largest_and_mean(largest.amax(0, keepdim=True), total.sum(0, keepdim=True), self.counts)
        return of_rows.squeeze(1), of_columns.squeeze(0), of_all[0, 0]


class ExchangeableLayer(nn.Module):
    """The next states of all pairs, from those of their rows, their columns and the problem.

    Args:
        channels: Channels of a state, c.
        scores: Learned scores per pair, k.
        features: Features of a pair, f.
        hidden: Channels of the hidden layer; as many as of a state by default.
        gated: Whether what is pooled over the problem scales the hidden channels.

    Example:
        >>> layer = ExchangeableLayer(channels=8, scores=2, features=5, hidden=16, gated=True)
        >>> pairs = AllowedPairs.of(torch.ones(4, 2, 3, dtype=torch.bool), torch.float32)
        >>> state, features = torch.rand(2, 3, 4, 8), torch.rand(2, 3, 4, 5)
        >>> layer(state, features, layer.compete(state, pairs), pairs).shape
        torch.Size([2, 3, 4, 8])
    """

    def __init__(
        self, channels: int, scores: int, features: int, hidden: int | None = None, *, gated: bool = False
    ) -> None:
        super().__init__()
        hidden = hidden or channels
        pooled = 2 * channels if gated else channels
        self.score = nn.Linear(channels, scores)
        self.of_pair = nn.Linear(channels + features + 2 * scores, hidden)
        self.of_row = nn.Linear(channels, hidden, bias=False)
        self.of_column = nn.Linear(channels, hidden, bias=False)
        self.of_all = nn.Linear(pooled, hidden, bias=False)
        self.gate = _open_gate(pooled, hidden) if gated else None
        self.update = nn.Linear(hidden, channels)
        self.norm = nn.LayerNorm(channels)

    def compete(self, state: Tensor, pairs: AllowedPairs) -> Tensor:
        """Return the log shares of pairs in their rows and in their columns by each score, [n, m, b, 2 k]."""
        scores = self.score(state) + pairs.absent
        return torch.cat((scores.log_softmax(1), scores.log_softmax(0)), -1).clamp(min=LEAST_LOG_SHARE)

    def forward(self, state: Tensor, features: Tensor, competing: Tensor, pairs: AllowedPairs) -> Tensor:
        """Return the next state [n, m, b, c].

        Args:
            state: Float [n, m, b, c].
            features: Float [n, m, b, f].
            competing: What `compete` returns of the state.
            pairs: Which are allowed.
        """
        present = state + pairs.absent
        of_rows, of_columns = (_bounded(present.amax(axis, keepdim=True)) for axis in (1, 0))
        whole = pairs.mean(state)
        if self.gate is not None:
            whole = torch.cat((whole, pairs.mean_of_rows(of_rows)), -1)
        pooled = self.of_row(of_rows) + self.of_all(whole) + self.of_column(of_columns)
        hidden = torch.relu(self.of_pair(torch.cat((state, features, competing), -1)) + pooled)
        if self.gate is not None:
            hidden = hidden * self.gate(whole)
        following: Tensor = self.norm(state + self.update(hidden))
        return following


class CostHeads(nn.Module):
    """The costs of transport, read from the states of pairs.

    Each is what the states say plus a share of each distance, so that ties and near ties are decided by the distances.

    Args:
        channels: Channels of a state, c.
        distances: Distances of a pair, d.

    Example:
        >>> allowed = torch.ones(4, 2, 3, dtype=torch.bool)
        >>> state, distance = torch.rand(2, 3, 4, 8), torch.rand(4, 2, 3, 1)
        >>> costs = CostHeads(8)(state, distance, AllowedPairs.of(allowed, torch.float32))
        >>> [cost.shape for cost in costs]
        [torch.Size([4, 2, 3]), torch.Size([4, 2]), torch.Size([4, 3])]
    """

    def __init__(self, channels: int, distances: int = 1) -> None:
        super().__init__()
        self.pair_cost = nn.Linear(channels, 1)
        self.sharpness = _head(channels, distances)
        self.row_cost = _head(channels, 2)
        self.column_cost = _head(channels, 2)

    def forward(self, state: Tensor, distances: Tensor, pairs: AllowedPairs) -> Costs:
        """Return the costs, of states [n, m, b, c] and of distances [b, n, m, d].

        The unit of the first distance is that of the costs of unmatched slots; make it the scale of the problem.
        """
        rows, columns, whole = pairs.pooled(state)
        sharpness = self.sharpness(whole).clamp(*LOG_SHARPNESS).exp()
        learned = self.pair_cost(state).squeeze(-1).permute(2, 0, 1)
        pair_cost = learned + (sharpness[:, None, None] * distances).sum(-1)
        slots = (self.row_cost(rows), self.column_cost(columns))
        return pair_cost, *(_slot_cost(read, sharpness[:, :1]) for read in slots)


def transported(costs: Costs, allowed: Tensor, steps: int) -> Tensor:
    """Return the logits [b, n, m] whose sigmoid is the mass that transport over learned costs moves."""
    annealing = hnetzoo.Annealing(steps, START_TEMPERATURE, 1.0, RELAXATION)
    return hnetzoo.transport_logits(costs[0], allowed, *costs[1:], annealing, scale=1.0)


def _open_gate(inputs: int, outputs: int) -> nn.Linear:
    """Return a layer whose output is 1 until it has learned."""
    gate = nn.Linear(inputs, outputs)
    nn.init.zeros_(gate.weight)
    nn.init.ones_(gate.bias)
    return gate


def _head(channels: int, outputs: int) -> nn.Sequential:
    """Return a network of one hidden layer that reads pooled states."""
    return nn.Sequential(nn.Linear(2 * channels, channels), nn.ReLU(), nn.Linear(channels, outputs))


def _slot_cost(read: Tensor, sharpness: Tensor) -> Tensor:
    """Return the cost of leaving slots unmatched, [b, slots], of outputs [slots, b, 2] and the sharpness [b, 1]."""
    return read[..., 0].mT + sharpness * softplus(read[..., 1].mT)


def problems_last(values: Tensor) -> Tensor:
    """Return values of pairs [b, n, m, f] as [n, m, b, f], contiguous.

    Example:
        >>> problems_last(torch.rand(4, 2, 3, 5)).shape
        torch.Size([2, 3, 4, 5])
    """
    return values.permute(1, 2, 0, 3).contiguous()


def _largest_and_mean(largest: Tensor, total: Tensor, counts: Tensor) -> Tensor:
    return torch.cat((_bounded(largest), total / counts), -1)


def _bounded(largest: Tensor) -> Tensor:
    """Return the largest states, which are finite also where no pair is allowed."""
    return largest.clamp(min=LEAST_STATE)
