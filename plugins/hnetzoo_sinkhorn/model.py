"""Sinkhorn: entropic optimal transport between rows and columns, dustbins included, at a falling temperature.

Every row and column holds a mass of 1. It goes to partners at the cost of their distance, or into a dustbin: an extra
column that can hold all n rows and an extra row that can hold all m columns, as in SuperGlue. The plan P minimises
sum(P C) - temperature * entropy(P); as the temperature falls, P approaches the exact assignment that leaves slots
unmatched at `dustbin_cost` each.

How ours differs from the paper: the temperature is annealed, so that 100 iterations come closer to the optimum than
1000 at the final temperature; costs stay in the logarithm and each iteration exponentiates once; masked slots have no
mass; without dustbins the surplus of the longer side, and nothing else, stays unmatched.

Source: M. Cuturi (2013), algorithm 1; dustbins: P.-E. Sarlin et al., "SuperGlue", CVPR 2020, section 3.2; annealing:
J. J. Kosowsky and A. L. Yuille, "The Invisible Hand Algorithm", Neural Networks 1994.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

import hnetzoo
from hnetzoo_sinkhorn.config import SinkhornConfig

FAR = 1e20  # cost of what must not be paired; far above any distance, and finite, so that no gradient becomes NaN
CERTAIN = 20.0  # where logits start to grow logarithmically; sigmoid is within 2e-9 of 0 or 1 from here on
ABSENT = -100.0  # logit where there can be no pair: below that of any finite distance


class _Transport(NamedTuple):
    """A batch of transport problems; the last row and column are the dustbins."""

    cost: Tensor  # [b, n + 1, m + 1]
    row_mass: Tensor  # [b, n + 1, 1]
    col_mass: Tensor  # [b, 1, m + 1]


class Sinkhorn(nn.Module):
    """Match by optimal transport; differentiable, without parameters, equivariant, for problems of any size.

    Args:
        config: Settings.
        shape: (n, m) of the problems; ignored.

    Example:
        >>> model = Sinkhorn(SinkhornConfig(dustbin_cost=1.0), (2, 2))
        >>> model(torch.tensor([[[1.0, 1.5], [1.1, 4.0]]])).sigmoid().round().int().tolist()
        [[[0, 1], [1, 0]]]
    """

    def __init__(self, config: SinkhornConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Solve problems.

        Args:
            distance: Float [b, n, m], the unit of the settings; +inf forbids a pair.
            row_mask: Bool [b, n]; None means all True.
            col_mask: Bool [b, m]; None means all True.

        Returns:
            Logits [b, n, m] whose sigmoid is the transported mass. Beyond +-20 they grow logarithmically: the mass is
            exact to 2e-9, the order of pairs is kept, and every finite distance gets a gradient.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN or -inf.
        """
        cells = hnetzoo.allowed_pairs(distance, row_mask, col_mask)
        # In float64, as distances are divided by a small temperature; on a CPU it is not slower.
        scores = self._solve(self._transport(distance.double(), cells))
        logits = _log_odds(scores)[:, :-1, :-1]
        excess = (logits.abs() - CERTAIN).clamp(min=0)
        logits = logits.clamp(-CERTAIN, CERTAIN) + logits.sign() * excess.log1p()
        return logits.masked_fill(~cells, ABSENT).to(distance.dtype)

    def _transport(self, distance: Tensor, cells: Tensor) -> _Transport:
        """Append dustbins to distance [b, n, m]; slots without a cell get no mass."""
        rows, columns = (cells.any(dim).to(distance.dtype) for dim in (2, 1))
        n, m = (side.sum(1, keepdim=True) for side in (rows, columns))  # [b, 1]
        if self.config.dustbin_cost == "off":
            unmatched, bins = 0.0, ((m - n).clamp(min=0), (n - m).clamp(min=0))
        else:
            unmatched, bins = self.config.dustbin_cost, (m, n)
        row_mass = torch.cat((rows, bins[0]), 1).unsqueeze(2)
        col_mass = torch.cat((columns, bins[1]), 1).unsqueeze(1)
        cost = pad(distance.masked_fill(~cells, FAR), (0, 1, 0, 1), value=unmatched)
        cost[:, -1, -1] = 0.0
        return _Transport(cost.masked_fill((row_mass == 0) | (col_mass == 0), FAR), row_mass, col_mass)

    def _solve(self, transport: _Transport) -> Tensor:
        """Anneal, and return the scores [b, n + 1, m + 1] whose softmax over rows is the plan."""
        first, last, steps = self.config.start_temperature, self.config.end_temperature, self.config.iterations - 1
        nearest = transport.cost.amin(1, keepdim=True)  # from here on, no column's sum underflows
        potential = nearest.masked_fill(nearest == FAR, 0.0)
        for step in range(steps):
            temperature = first * (last / first) ** (step / steps)
            potential, _ = _iterate(transport, potential, temperature)
        if self.config.tolerance is not None:
            potential = self._converge(transport, potential, self.config.tolerance)
        return _row_scaled(transport, potential, last)

    def _converge(self, transport: _Transport, potential: Tensor, tolerance: float) -> Tensor:
        """Iterate at the end temperature, each problem until its own columns hold their mass."""
        busy = torch.arange(len(potential), device=potential.device)
        for _ in range(self.config.max_iterations - self.config.iterations):
            part = _Transport(*(field[busy] for field in transport))
            updated, violation = _iterate(part, potential[busy], self.config.end_temperature)
            potential = potential.index_copy(0, busy, updated)
            busy = busy[violation > tolerance]
            if len(busy) == 0:
                break
        return potential


def _row_scaled(transport: _Transport, potential: Tensor, temperature: float) -> Tensor:
    """Scale the rows: column potentials [b, 1, m + 1] -> scores [b, n + 1, m + 1] short of the column potentials."""
    tiny = torch.finfo(potential.dtype).tiny
    exponents = (potential - transport.cost) / temperature
    row_potential = transport.row_mass.clamp(min=tiny).log() - exponents.logsumexp(2, keepdim=True)
    return (row_potential - transport.cost / temperature).masked_fill(transport.cost == FAR, -FAR)


def _iterate(transport: _Transport, potential: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Scale rows, then columns: potentials [b, 1, m + 1] -> potentials, and the largest error of a column's mass [b].

    The row scaling is never formed as a potential; exponentials are taken once, relative to each row's largest.
    """
    exponents = (potential - transport.cost) / temperature
    kernel = (exponents - exponents.amax(2, keepdim=True)).exp()
    received = (transport.row_mass / kernel.sum(2, keepdim=True)).mT @ kernel  # [b, 1, m + 1]
    tiny = torch.finfo(kernel.dtype).tiny  # columns without mass stay where they are
    ratio = transport.col_mass.clamp(min=tiny).log() - received.clamp(min=tiny).log()
    return potential + temperature * ratio, (received - transport.col_mass).detach().abs().amax((1, 2))


def _log_odds(scores: Tensor) -> Tensor:
    """Take the log-odds of each entry of a softmax over dim 1: its score less the logsumexp of the others.

    Of all entries but the largest, p <= 1/2 and log(1 - p) is accurate; the largest is left out of the sum instead.
    """
    largest = torch.zeros_like(scores, dtype=torch.bool).scatter(1, scores.argmax(1, keepdim=True), True)
    total = scores.logsumexp(1, keepdim=True)
    rest = scores.masked_fill(largest, -FAR).logsumexp(1, keepdim=True)
    smaller = (scores - total).masked_fill(largest, -FAR).exp()
    return scores - torch.where(largest, rest, total + torch.log1p(-smaller))
