"""An exchangeable network that learns the costs of pairs and of staying unmatched, and solves them by transport.

Exchangeable layers give every pair a state from the states of its row, its column and the whole problem. Three heads
read from the states a cost per pair, a cost of staying unmatched per slot, and how sharp the decision is; optimal
transport turns costs into probabilities. Permuting rows or columns permutes the output in the same way, weights do not
depend on the size, and the features of pairs include the problem's own scale, so that one set of weights serves
problems of any size, mask and unit. What a true pair means cannot always be read from distances: the network may be
told. Without learned costs it solves the distances themselves, exactly.

Sources: J. Hartford et al., "Deep Models of Interactions Across Sets", ICML 2018, section 2 (exchangeable matrix
layer); `hnetzoo.association.transport` for the solver.
"""

from collections.abc import Iterable
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableConfig
from hnetzoo_exchangeable.features import FEATURES, finite_distances, pair_features
from hnetzoo_exchangeable.layers import AllowedPairs, CostHeads, Costs, ExchangeableLayer, problems_last, transported


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

    takes_truth = True
    """In training the model may be told what true pairs mean."""

    def __init__(self, config: ExchangeableConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.embed = nn.Linear(FEATURES, channels)
        sizes = (channels, config.scores, FEATURES, config.hidden)
        self.layers = nn.ModuleList(ExchangeableLayer(*sizes, gated=True) for _ in range(config.layers))
        self.costs = CostHeads(channels)
        self.told = nn.Parameter(torch.zeros(len(hnetzoo.TRUTHS), channels))

    @property
    def ignores_weights(self) -> bool:
        """Whether the distances themselves are solved, so that the scope of the weights says nothing."""
        return self.config.unmatched != "learned"

    def forward(
        self,
        distance: Tensor,
        row_mask: Tensor | None = None,
        col_mask: Tensor | None = None,
        truth: Tensor | None = None,
    ) -> Tensor:
        """Return association logits, as `hnetzoo.AssociationModel` does.

        Args:
            distance: Float [b, n, m].
            row_mask: Bool [b, n].
            col_mask: Bool [b, m].
            truth: What a true pair means, int64 [b], as `AssociationBatch.truth`; None for what the settings say.

        Returns:
            Float [b, n, m], before the sigmoid.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN or -inf.
        """
        clean, allowed = self.clean(distance, row_mask, col_mask)
        if truth is not None and truth.shape != distance.shape[:1]:
            raise hnetzoo.ShapeError(f"truth is {list(truth.shape)}; give a number a problem, [{len(distance)}]")
        if distance.numel() == 0:
            return clean
        return self.fill(self.logits(clean, allowed, truth), allowed, distance.dtype)

    @property
    def told_truth(self) -> str:
        """What a true pair means, as the settings say; "" where they do not."""
        return "" if self.config.truth == "any" else self.config.truth

    def logits(self, distance: Tensor, allowed: Tensor, truth: Tensor | None = None) -> Tensor:
        """Return logits [b, n, m] whose sigmoid is the transported mass, plus the bias, in float32 or float64."""
        if self.config.unmatched != "learned":
            return self._solve(distance, allowed, self.config.unmatched)
        costs = self.learned_costs(finite_distances(distance), allowed, truth)
        steps = self.config.training_steps if self.training else self.config.transport_steps
        return transported(costs, allowed, steps) + self.config.bias

    def learned_costs(self, distance: Tensor, allowed: Tensor, truth: Tensor | None = None) -> Costs:
        """Return the cost of pairs [b, n, m] and of unmatched rows [b, n] and columns [b, m]."""
        features, scale = pair_features(distance, allowed)
        features = problems_last(features.to(self.embed.weight.dtype))
        pairs = AllowedPairs.of(allowed, features.dtype)
        state = self._embedded(features, self._told(truth))
        for layer in cast(Iterable[ExchangeableLayer], self.layers):
            state = layer(state, features, layer.compete(state, pairs), pairs)
        costs: Costs = self.costs(state, (distance / scale).unsqueeze(-1), pairs)
        return costs

    def _embedded(self, features: Tensor, told: Tensor) -> Tensor:
        """Return the first states of pairs, [n, m, b, c], of their features and of what `_told` returns."""
        if len(told) == 1:  # part of the bias, which costs nothing
            return linear(features, self.embed.weight, self.embed.bias + told[0])
        embedded: Tensor = self.embed(features)
        return embedded + told

    def _told(self, truth: Tensor | None) -> Tensor:
        """Return what is added to the states of pairs, [b or 1, c]: 0 where nothing is said of the truth."""
        if truth is None:
            said = hnetzoo.TRUTHS.index(self.told_truth) if self.told_truth else -1
            truth = torch.full((1,), said, device=self.told.device)
        chosen = truth.unsqueeze(-1) == torch.arange(len(hnetzoo.TRUTHS), device=truth.device)
        return chosen.to(self.told.dtype) @ self.told

    def _solve(self, distance: Tensor, allowed: Tensor, unmatched: float | Literal["never"]) -> Tensor:
        """Return the logits of transport over the distances themselves, as `sinkhorn` does."""
        trains = torch.is_grad_enabled() and distance.requires_grad
        costs = hnetzoo.unmatched_costs(distance, allowed, unmatched)
        if not trains:
            return hnetzoo.transport_logits(distance, allowed, *costs)
        coldest, scale = self.config.training_temperature, hnetzoo.typical_distance(distance, allowed)
        return hnetzoo.transport_logits(distance, allowed, *costs, coldest=coldest, scale=scale)
