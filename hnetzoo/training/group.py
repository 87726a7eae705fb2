"""What the processes of a training tell one another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import distributed

from hnetzoo.errors import ConfigError
from hnetzoo.training.ranks import Ranks

Value = TypeVar("Value")


@contextmanager
def joined(ranks: Ranks, device: str) -> Iterator[None]:
    """Join the other processes in a `with` block; a single process joins nobody.

    On CUDA, "cuda" is then the device that LOCAL_RANK names.

    Args:
        ranks: The place of this process; the first one is reached by MASTER_ADDR and MASTER_PORT.
        device: Where models are; gloo connects the processes on CPUs, nccl on CUDA devices.

    Raises:
        ConfigError: If the first process cannot be found, or there are more processes than devices.
    """
    if ranks.size == 1:
        yield
        return
    # Functions of this module take the group at its import for a default argument. Imported later, by DDP, it would
    # keep the threads of the group until the interpreter ends, which may then abort.
    import torch.distributed.nn

    backend = "gloo"
    if device.startswith("cuda"):
        backend = "cpu:gloo,cuda:nccl"
        torch.cuda.set_device(_own_cuda_device(ranks, device))
    try:
        distributed.init_process_group(backend, init_method="env://", rank=ranks.rank, world_size=ranks.size)
    except (ValueError, distributed.DistError) as error:
        raise ConfigError(
            f"cannot join the {ranks.size} processes that WORLD_SIZE asks for ({str(error).splitlines()[0]}); start "
            "with torchrun, or with --processes"
        ) from None
    yield
    distributed.destroy_process_group()


def _own_cuda_device(ranks: Ranks, device: str) -> int:
    """Return the index of the CUDA device of this process."""
    devices = torch.cuda.device_count()
    if device != "cuda":
        raise ConfigError(f"device '{device}' is one for {ranks.size} processes; use --device cuda, or cpu")
    if ranks.local_size > devices:
        raise ConfigError(f"{ranks.local_size} processes exceed the {devices} CUDA devices; use fewer, or --device cpu")
    return ranks.rank % ranks.local_size


def shared(ranks: Ranks, value: Value) -> Value:
    """Return the first process's value in all of them.

    Example:
        >>> shared(Ranks(), 3)
        3
    """
    if ranks.size == 1:
        return value
    values = [value]
    distributed.broadcast_object_list(values, src=0, device=torch.device("cpu"))
    return values[0]
