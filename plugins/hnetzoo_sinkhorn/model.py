"""Sinkhorn: entropic optimal transport between rows and columns, dustbins included, at a falling temperature.

Every row and column has a mass of 1. It is transported to partners at the cost of their distance, or into a dustbin: an
extra column that can take all n rows and an extra row that can take all m columns, as in SuperGlue. The plan P
minimises sum(P C) - temperature * entropy(P); as the temperature falls, P approaches the exact assignment that leaves
slots unmatched at `dustbin_cost` each.

How ours differs from the paper: the temperature is annealed, so that 100 iterations come closer to the optimum than
1000 at the final temperature; iterations work with logarithms and exponentiate once each; masked slots have no mass;
without dustbins only the surplus of the longer side stays unmatched. A plan has exact sums only along the axis that was
scaled last; the mass of a pair is the smaller one of two plans, rows last and columns last, so that no row or column
exceeds its mass and ties are treated alike on both axes.

Source: M. Cuturi (2013), algorithm 1; dustbins: P.-E. Sarlin et al., "SuperGlue", CVPR 2020, section 3.2; annealing:
J. J. Kosowsky and A. L. Yuille, "The Invisible Hand Algorithm", Neural Networks 1994.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

import hnetzoo
from hnetzoo_sinkhorn.config import SinkhornConfig

FAR = -hnetzoo.mask_value(torch.float64)  # cost of a forbidden pair


class _Transport(NamedTuple):
    """A batch of transport problems; the last row and column are the dustbins."""

    cost: Tensor  # [b, n + 1, m + 1]
    row_mass: Tensor  # [b, n + 1, 1]
    col_mass: Tensor  # [b, 1, m + 1]


class Sinkhorn(hnetzoo.AssociationModel):
    """Optimal transport; differentiable, without parameters, equivariant, for problems of any size.

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

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m] whose sigmoid is the transported mass, in float64.

        float64 because distances are divided by a small temperature; on a CPU it is not slower. Beyond +-20 logits grow
        logarithmically: the mass is exact to 2e-9, the order of pairs is kept, and every finite distance gets a
        gradient.
        """
        transport = self._transport(distance.double(), allowed)
        rows_last, columns_last = self._solve(transport)
        odds = torch.minimum(hnetzoo.log_odds(rows_last, 2), hnetzoo.log_odds(columns_last, 1))
        return hnetzoo.compress_logits(odds[:, :-1, :-1])

    def _transport(self, distance: Tensor, allowed: Tensor) -> _Transport:
        """Return the transport of distance [b, n, m] with dustbins; slots without a possible partner get no mass."""
        rows, columns = (allowed.any(dim).to(distance.dtype) for dim in (2, 1))
        n, m = (side.sum(1, keepdim=True) for side in (rows, columns))  # [b, 1]
        if self.config.dustbin_cost == "off":
            unmatched, bins = 0.0, ((m - n).clamp(min=0), (n - m).clamp(min=0))
        else:
            unmatched, bins = self.config.dustbin_cost, (m, n)
        row_mass = torch.cat((rows, bins[0]), 1).unsqueeze(2)
        col_mass = torch.cat((columns, bins[1]), 1).unsqueeze(1)
        cost = pad(distance.masked_fill(~allowed, FAR), (0, 1, 0, 1), value=unmatched)
        cost[:, -1, -1] = 0.0
        return _Transport(cost.masked_fill((row_mass == 0) | (col_mass == 0), FAR), row_mass, col_mass)

    def _solve(self, transport: _Transport) -> tuple[Tensor, Tensor]:
        """Return two sets of scores after annealing, [b, n + 1, m + 1] each.

        The softmax of the first along its rows is the plan whose rows were scaled last; the softmax of the second along
        its columns is the plan whose columns were scaled last.
        """
        first, last, steps = self.config.start_temperature, self.config.end_temperature, self.config.iterations - 1
        nearest = transport.cost.amin(1, keepdim=True)  # started from these, no column's sum underflows
        potential = nearest.masked_fill(nearest == FAR, 0.0)
        for step in range(steps):
            temperature = first * (last / first) ** (step / steps)
            potential, _ = _iterate(transport, potential, temperature)
        if self.config.tolerance is not None:
            potential = self._converge(transport, potential, self.config.tolerance)
        return _scaled(transport, potential, last)

    def _converge(self, transport: _Transport, potential: Tensor, tolerance: float) -> Tensor:
        """Return the potentials after iterating at the end temperature until each problem is within the tolerance."""
        busy = torch.arange(len(potential), device=potential.device)
        for _ in range(self.config.max_iterations - self.config.iterations):
            part = _Transport(*(field[busy] for field in transport))
            updated, violation = _iterate(part, potential[busy], self.config.end_temperature)
            potential = potential.index_copy(0, busy, updated)
            busy = busy[violation > tolerance]
            if len(busy) == 0:
                break
        return potential


def _scaled(transport: _Transport, potential: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the scores [b, n + 1, m + 1] before scaling rows, then before columns; potential is [b, 1, m + 1]."""
    tiny, lowest = torch.finfo(potential.dtype).tiny, -FAR
    never = transport.cost == FAR
    exponents = ((potential - transport.cost) / temperature).masked_fill(never, lowest)
    row_potential = transport.row_mass.clamp(min=tiny).log() - exponents.logsumexp(2, keepdim=True)
    return exponents, (row_potential - transport.cost / temperature).masked_fill(never, lowest)


def _iterate(transport: _Transport, potential: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return the next column potentials [b, 1, m + 1], and the largest error of a column's mass before, [b].

    Row potentials are never computed; exponentials are taken once, relative to the largest of each row.
    """
    exponents = (potential - transport.cost) / temperature
    kernel = (exponents - exponents.amax(2, keepdim=True)).exp()
    received = (transport.row_mass / kernel.sum(2, keepdim=True)).mT @ kernel  # [b, 1, m + 1]
    tiny = torch.finfo(kernel.dtype).tiny  # keeps the potentials of columns without mass
    ratio = transport.col_mass.clamp(min=tiny).log() - received.clamp(min=tiny).log()
    return potential + temperature * ratio, (received - transport.col_mass).detach().abs().amax((1, 2))
