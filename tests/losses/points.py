"""Random directions and masks."""

import torch
from torch import Tensor


def directions(*shape: int, generator: torch.Generator) -> Tensor:
    """Return random unit vectors, float64 [*shape, 3]."""
    points = torch.randn(*shape, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(points, dim=-1)


def random_mask(*shape: int, generator: torch.Generator) -> Tensor:
    """Return a mask with about three quarters True, bool [*shape]."""
    return torch.rand(shape, generator=generator) < 0.75
