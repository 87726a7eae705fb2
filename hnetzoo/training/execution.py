"""How the passes of a training are computed: in which precision, compiled or not, and by how many processes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from hnetzoo.association.contracts import Optimization
from hnetzoo.association.model import WrappedModel
from hnetzoo.training.data_parallel import DataParallelModel
from hnetzoo.training.ranks import ALONE, Ranks

FLOAT32, FLOAT16 = "float32", "float16"


class Computation(NamedTuple):
    """What a model computes with in training; its weights, the losses and validation are float32 in any case.

    Fields:
        precision: "float32", "bfloat16" or "float16".
        compiled: Whether torch.compile compiles it.
        ranks: The place of this process among those that train together.
    """

    precision: str = FLOAT32
    compiled: bool = False
    ranks: Ranks = ALONE


class Execution:
    """The passes of a training.

    Args:
        model: The model, on `device`, after its trainer has seen it.
        computation: What it computes with.
        device: Where it is.
    """

    def __init__(self, model: nn.Module, computation: Computation, device: str) -> None:
        self.ranks, kind = computation.ranks, torch.device(device).type
        self.scaler = torch.amp.GradScaler(kind, enabled=computation.precision == FLOAT16)
        self.model: nn.Module = torch.compile(model) if computation.compiled else model  # type: ignore[assignment]
        if computation.precision != FLOAT32:
            self.model = MixedPrecision(self.model, kind, getattr(torch, computation.precision))
        self.reduced: DistributedDataParallel | None = None
        if self.ranks.size > 1:
            # Buckets that follow the first backward pass would sum in another order after a resume.
            self.reduced = DistributedDataParallel(self.model, find_unused_parameters=True)
            self.model = DataParallelModel(self.reduced, self.ranks)

    def seed(self, seed: int) -> None:
        """Fix what the model draws from now on, beside the global generators."""
        if isinstance(self.model, DataParallelModel):
            self.model.seed(seed)

    @contextmanager
    def passes(self, *, last: bool) -> Iterator[None]:
        """Enclose the passes of a batch; gradients are averaged over the processes after the last of a step."""
        with nullcontext() if last or self.reduced is None else self.reduced.no_sync():
            yield

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss."""
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def step(self, optimization: Optimization) -> None:
        """Step an optimiser and its schedule."""
        if not self.scaler.is_enabled():
            optimization.step()
            return
        self.scaler.unscale_(optimization.optimizer)
        optimization.clip()
        self.scaler.step(optimization.optimizer)
        self.scaler.update()
        if optimization.scheduler is not None:
            optimization.scheduler.step()

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it: the scale of float16 gradients, if there is one."""
        return {"scaler": self.scaler.state_dict()} if self.scaler.is_enabled() else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Load what a checkpoint holds of it."""
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])


class MixedPrecision(WrappedModel):
    """A model that computes in 16-bit floats where torch.autocast holds that to be safe.

    Args:
        module: The model, whose weights stay as they are.
        device_type: Of its device, "cpu" for instance.
        dtype: torch.bfloat16 or torch.float16.

    Example:
        >>> model = MixedPrecision(nn.Bilinear(1, 1, 1), "cpu", torch.bfloat16)
        >>> model(torch.ones(1, 1), torch.ones(1, 1)).dtype
        torch.float32
    """

    def __init__(self, module: nn.Module, device_type: str, dtype: torch.dtype) -> None:
        super().__init__(module)
        self.device_type, self.dtype = device_type, dtype

    def forward(self, distance: Tensor, *masks: Tensor | None, **others: Tensor | None) -> Tensor:
        """Return the model's logits in the type of the distances."""
        with torch.autocast(self.device_type, self.dtype):
            logits: Tensor = self.module(distance, *masks, **others)
        return logits.to(distance.dtype)


def data_parallel(model: nn.Module, ranks: Ranks) -> nn.Module:
    """Return a model that all processes ask together, without gradients; the model itself for a single one."""
    return model if ranks.size == 1 else DataParallelModel(model, ranks)
