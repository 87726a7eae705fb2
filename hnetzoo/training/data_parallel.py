"""A model that several processes ask together: each answers a part of a batch, and all get all logits.

Losses are then computed of the whole batch in every process, whatever they average over, and their gradients are those
of one process.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn

from hnetzoo.association.model import WrappedModel
from hnetzoo.training.determinism import derived_seed
from hnetzoo.training.ranks import Ranks


class DataParallelModel(WrappedModel):
    """A model whose batches are divided among the processes of a training.

    All processes call it at the same time with the same batch. What a model draws in training mode, for dropout for
    instance, differs between processes and leaves the global generators as they were, so that trainers draw the same
    numbers in all of them; a model that draws nothing in the first batch after `seed` is not seeded in later ones.

    Args:
        module: The model, or DistributedDataParallel around it, which averages gradients over the processes.
        ranks: The place of this process; at least two.
    """

    def __init__(self, module: nn.Module, ranks: Ranks) -> None:
        super().__init__(module)
        self.ranks = ranks
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Fix what the model draws from now on."""
        self._seeds, self._draws = random.Random(seed), True

    def forward(self, distance: Tensor, *masks: Tensor | None, **others: Tensor | None) -> Tensor:
        """Return the logits of all b problems, float [b, n, m]; all arguments begin with the axis of problems."""
        problems = len(distance)
        if not problems:
            empty: Tensor = self.module(distance, *masks, **others)
            return empty
        own = own_problems(problems, self.ranks).to(distance.device)
        arguments = [None if field is None else field[own] for field in (distance, *masks)]
        named = {name: None if field is None else field[own] for name, field in others.items()}
        if self.training and self._draws:
            with self._own_noise(distance.device):
                answered = self.module(*arguments, **named)
        else:
            answered = self.module(*arguments, **named)
        gathered: Tensor = _Gathered.apply(answered, self.ranks)  # type: ignore[no-untyped-call]
        return gathered[:problems]

    @contextmanager
    def _own_noise(self, device: torch.device) -> Iterator[None]:
        """Seed torch's generators for this process in a `with` block, restore them, and note whether they were used."""
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(derived_seed(self._seeds.getrandbits(32), self.ranks.rank))
            before = torch.get_rng_state(), _device_state(device)
            yield
            after = torch.get_rng_state(), _device_state(device)
        self._draws = not all(map(torch.equal, before, after))


def own_problems(problems: int, ranks: Ranks) -> Tensor:
    """Return which of `problems` a process answers, int64; equally many in each, so that some are answered twice.

    Example:
        >>> [own_problems(5, Ranks(rank, 3)).tolist() for rank in range(3)]
        [[0, 1], [2, 3], [4, 0]]
    """
    count = -(-problems // ranks.size)
    return torch.arange(ranks.rank * count, (ranks.rank + 1) * count) % problems


def _device_state(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.empty(0)


class _Gathered(torch.autograd.Function):
    """The logits of all processes, one after another; the gradient is scaled so that an average of processes is it."""

    @staticmethod
    def forward(ctx: Any, answered: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        parts = [torch.empty_like(answered) for _ in range(ranks.size)]
        distributed.all_gather(parts, answered.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.ranks.size * gradient.chunk(ctx.ranks.size)[ctx.ranks.rank], None
