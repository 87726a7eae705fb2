"""Perturbed assignment: the mean of exact assignments of noisy distances, differentiable in the distances.

    P(D) = E[assign(D + sigma Z)],   gradient of <G, P(D)> = E[<G, assign(D + sigma Z)> Z] / sigma

for standard normal Z. Both expectations are means over `samples` draws; the backward pass computes the second from the
assignments of the first, so that nothing is solved twice.

How ours differs from the paper: noise comes in pairs of opposite sign, which removes the variance that the constant
part of <G, assign> would add; a gate on the noisy distance leaves slots unmatched; the noise of an entry depends on
its row, its column and the seed, not on the batch or the size of the matrix.

Source: Q. Berthet et al., "Learning with Differentiable Perturbed Optimizers", NeurIPS 2020, propositions 3.1 and 4.1.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import hnetzoo
from hnetzoo_perturbed.config import PerturbedConfig

_CHUNK = 1 << 22  # entries per solver call; bounds memory


class Perturbed(hnetzoo.AssociationModel):
    """Mean of exact assignments under noise; without parameters, for problems of any size.

    Args:
        config: Settings.
        shape: (n, m) of the problems; ignored.

    Example:
        >>> model = Perturbed(PerturbedConfig(), (2, 2))
        >>> model(torch.tensor([[[1.0, 1.5], [1.0, 4.0]]])).sigmoid().round().int().tolist()
        [[[0, 1], [1, 0]]]
    """

    def __init__(self, config: PerturbedConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return the logits of the share of samples that match the pair, at most log(2 samples + 1) in size."""
        cost = distance.double()
        gate = None if self.config.gate == "off" else self.config.gate
        share: Tensor = _MeanAssignment.apply(cost, allowed, self._noise(cost), self.config.sigma, gate)  # type: ignore[no-untyped-call]
        return torch.logit(share, eps=0.5 / (self.config.samples + 1))

    def _noise(self, cost: Tensor) -> Tensor:
        """Return noise for cost [b, n, m], in pairs of opposite sign: float64 [samples, b or 1, n, m]."""
        b, n, m = cost.shape
        pairs = self.config.samples // 2
        if self.config.seed == "fresh":
            noise = torch.randn(pairs, b, n, m, dtype=cost.dtype, device=cost.device)
        else:
            noise = _slot_noise(self.config.seed, pairs, max(n, m))[:, :, :n, :m].to(cost.device)
        none = noise.new_zeros(self.config.samples % 2, *noise.shape[1:])
        return torch.cat((noise, -noise, none))


class _MeanAssignment(torch.autograd.Function):
    """Mean of exact assignments of cost + sigma * noise; the backward pass estimates the gradient from them."""

    @staticmethod
    def forward(ctx: Any, cost: Tensor, allowed: Tensor, noise: Tensor, sigma: float, gate: float | None) -> Tensor:
        """Return the mean, float64 [b, n, m], of cost and allowed [b, n, m] under noise [s, b or 1, n, m]."""
        at_once = max(1, _CHUNK // max(1, cost.numel()))
        solved = [_solve(cost + sigma * part, allowed, gate) for part in torch.split(noise, at_once)]
        pairs = torch.cat(solved)  # [s, b, n, m]
        ctx.save_for_backward(pairs, allowed, noise)
        ctx.sigma = sigma
        return pairs.sum(0).to(cost.dtype) / len(noise)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient of the cost, [b, n, m]: the correlation of the noise with <gradient, assignment>."""
        pairs, allowed, noise = ctx.saved_tensors
        effect = torch.einsum("sbnm,bnm->sb", pairs.to(gradient.dtype), gradient)
        estimate = torch.einsum("sb,sbnm->bnm", effect, noise.expand(pairs.shape)) / (len(noise) * ctx.sigma)
        return estimate.masked_fill(~allowed, 0.0), None, None, None, None


def _solve(cost: Tensor, allowed: Tensor, gate: float | None) -> Tensor:
    """Return the exact assignments, bool [s, b, n, m], of cost [s, b, n, m] with allowed pairs [b, n, m].

    Without a gate, they have as many pairs as possible. With one, they have the largest total of gate - cost: pairs
    beyond the gate get cost 0, so that the solver may add them for free, and are dropped afterwards.
    """
    if gate is None:
        return hnetzoo.assign(cost.masked_fill(~allowed, torch.inf).flatten(0, 1)).view(cost.shape)
    useful = allowed & (cost < gate)
    return hnetzoo.assign((cost - gate).masked_fill(~useful, 0.0).flatten(0, 1)).view(cost.shape) & useful


@lru_cache(maxsize=16)
def _slot_noise(seed: int, pairs: int, size: int) -> Tensor:
    """Return standard normals, float64 [pairs, 1, size, size]; a larger size contains those of a smaller one.

    Entries are numbered by growing squares: all with max(row, column) = k before any with k + 1.
    """
    row, column = np.indices((size, size))
    square = np.maximum(row, column)
    number = square**2 + np.where(row == square, column, square + 1 + row)
    drawn = np.random.default_rng(seed).standard_normal((size * size, pairs))
    return torch.from_numpy(np.ascontiguousarray(drawn[number].transpose(2, 0, 1))).unsqueeze(1)
