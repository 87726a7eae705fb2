"""Exact assignment: `hungarian` on the distances as they are, `hungarian-gated` with a gate.

Ours differs from calling scipy per problem in that whole batches are solved at once, small ones by enumeration.

Source: H. W. Kuhn (1955); D. F. Crouse (2016), the algorithm behind scipy's linear_sum_assignment.
"""

from torch import Tensor

import hnetzoo
from hnetzoo_classical.config import GatedHungarianConfig, HungarianConfig
from hnetzoo_classical.solver import Solver


class Hungarian(Solver):
    """Match as many pairs as possible at the least total distance.

    Example:
        >>> import torch
        >>> solver = Hungarian(HungarianConfig(), (2, 2))
        >>> (solver(torch.tensor([[[1.0, 2.0], [1.0, 4.0]]])) > 0).int().tolist()
        [[[0, 1], [1, 0]]]
    """

    def __init__(self, config: HungarianConfig, shape: tuple[int, int]) -> None:
        super().__init__()

    def solve(self, distance: Tensor) -> Tensor:
        """Return the optimal pairs."""
        return hnetzoo.assign(distance)


class GatedHungarian(Solver):
    """Exact matching without pairs beyond the gate.

    Example:
        >>> import torch
        >>> solver = GatedHungarian(GatedHungarianConfig(gate=1.5), (2, 2))
        >>> (solver(torch.tensor([[[1.0, 2.0], [1.0, 4.0]]])) > 0).int().tolist()
        [[[1, 0], [0, 0]]]
    """

    def __init__(self, config: GatedHungarianConfig, shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config

    def solve(self, distance: Tensor) -> Tensor:
        """Return the optimal pairs, gated before or after matching."""
        if self.config.gating == "before":
            return hnetzoo.assign(distance, gate=self.config.gate)
        return hnetzoo.assign(distance) & (distance <= self.config.gate)
