"""Sinkhorn: entropic optimal transport between rows and columns at a falling temperature, with over-relaxed updates.

Every row and column has a mass of 1, which goes to partners at the cost of their distance, or stays unmatched at a cost
of its own. As the temperature falls, the plan approaches the exact assignment. `hnetzoo.association.transport` has the
updates.

How ours differs from the paper: the temperature is annealed, in units of each problem's own scale; updates are
over-relaxed; slots may stay unmatched.

Source: M. Cuturi (2013), algorithm 1.
"""

import torch
from torch import Tensor

import hnetzoo
from hnetzoo_sinkhorn.config import SinkhornConfig


class Sinkhorn(hnetzoo.AssociationModel):
    """Optimal transport; differentiable, without parameters, equivariant, for problems of any size and unit.

    Args:
        config: Settings.
        shape: (n, m) of the problems; ignored.

    Example:
        >>> model = Sinkhorn(SinkhornConfig(), (2, 2))
        >>> model(torch.tensor([[[1.0, 1.5], [1.1, 4.0]]])).sigmoid().round().int().tolist()
        [[[0, 1], [1, 0]]]
    """

    def __init__(self, config: SinkhornConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.annealing = hnetzoo.Annealing(
            steps=config.iterations,
            start=config.start_temperature,
            end=config.end_temperature,
            relaxation=config.relaxation,
        )

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        """Return logits [b, n, m] whose sigmoid is the transported mass, in float32 or float64."""
        trains = torch.is_grad_enabled() and distance.requires_grad
        own = hnetzoo.typical_distance(distance, allowed) if trains else None
        return hnetzoo.transport_logits(
            distance,
            allowed,
            *hnetzoo.unmatched_costs(distance, allowed, self.config.unmatched),
            self.annealing,
            coldest=self.config.training_temperature if trains else 0.0,
            scale=own if self.config.scale == "problem" else self.config.scale,
        )
