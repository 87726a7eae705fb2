"""Valid models of unusual make, on which no check may raise a false alarm."""

import torch
from torch import nn

from tests.testing.models import Valid


class AuxiliaryHead(Valid):
    """A head that its own trainer uses."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.head = nn.Linear(1, 1)

    def activity(self, logits):
        return self.head(logits.unsqueeze(-1))


class _Float32Kernel(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        if values.dtype != torch.float32:
            raise TypeError("the kernel is for float32")
        return values.clone()

    @staticmethod
    def backward(context, gradient):
        return gradient


class Float32Kernel(Valid):
    def logits(self, far, cells):
        return super().logits(_Float32Kernel.apply(far), cells)


class StochasticDepth(Valid):
    """A residual block that is skipped at random in training."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.block = nn.Linear(1, 1)

    def logits(self, far, cells):
        logits = super().logits(far, cells)
        if self.training and torch.rand(()) < 0.8:
            return logits
        return logits + self.block(logits.unsqueeze(-1)).squeeze(-1)


class LowRank(Valid):
    """Frozen weights with a trained product of two factors, the second of which starts at zero."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.requires_grad_(False)
        self.down, self.up = nn.Parameter(torch.randn(1, 2)), nn.Parameter(torch.zeros(2, 1))

    def logits(self, far, cells):
        return super().logits(far, cells) + (far.unsqueeze(-1) @ self.down @ self.up).squeeze(-1)


class TableBySize(Valid):
    """Builds a table for every size when it first meets it."""

    def __init__(self, config, shape):
        super().__init__(config, shape)
        self.tables = {}

    def logits(self, far, cells):
        key = far.shape[1], far.dtype, far.device.type
        with torch.inference_mode(mode=False):
            table = self.tables.setdefault(key, torch.ones(far.shape[1], 1, dtype=far.dtype, device=far.device))
        return super().logits(far, cells) * table


class Scriptable(nn.Module):
    """As `Valid`, in the part of Python that TorchScript knows."""

    def __init__(self, scale: float):
        super().__init__()
        self.threshold = nn.Parameter(torch.tensor(scale))
        self.steepness = nn.Parameter(torch.tensor(1.0))

    def forward(
        self, distance: torch.Tensor, row_mask: torch.Tensor | None = None, col_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        cells = distance != float("inf")
        if row_mask is not None:
            cells = cells & row_mask.unsqueeze(2)
        if col_mask is not None:
            cells = cells & col_mask.unsqueeze(1)
        return self.threshold - self.steepness * distance.masked_fill(~cells, 10.0)


def scripted(config, shape):
    return torch.jit.script(Scriptable(config.scale))


def compiled(config, shape):
    return torch.compile(Scriptable(config.scale), backend="eager")
