"""Set random states and thread counts for a computation, and restore them afterwards."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class GlobalState(NamedTuple):
    """The global random generators, torch's number of threads and default dtype, and the working directory.

    `folder` is empty where the working directory was deleted.
    """

    torch_random: Tensor
    numpy_random: Any
    python_random: Any
    threads: int
    dtype: torch.dtype
    folder: str

    @classmethod
    def now(cls) -> "GlobalState":
        """Return the current state."""
        return cls(
            torch_random=torch.get_rng_state(),
            numpy_random=np.random.get_state(),
            python_random=random.getstate(),
            threads=torch.get_num_threads(),
            dtype=torch.get_default_dtype(),
            folder=_working_directory(),
        )

    def restore(self) -> None:
        """Set this state."""
        torch.set_rng_state(self.torch_random)
        np.random.set_state(self.numpy_random)
        random.setstate(self.python_random)
        torch.set_default_dtype(self.dtype)
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        if self.folder and self.folder != _working_directory():
            os.chdir(self.folder)

    def differences(self, other: "GlobalState") -> list[str]:
        """Return the names of what differs in another state."""
        (_, keys, *rest), (_, other_keys, *other_rest) = self.numpy_random, other.numpy_random
        same = {
            "torch's global random state": torch.equal(self.torch_random, other.torch_random),
            "numpy's global random state": np.array_equal(keys, other_keys) and rest == other_rest,
            "Python's global random state": self.python_random == other.python_random,
            "the number of threads": self.threads == other.threads,
            "torch's default type": self.dtype == other.dtype,
            "the working directory": self.folder == other.folder,
        }
        return [name for name, equal in same.items() if not equal]


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


@contextmanager
def preserved_state(*, seed: int | None = None, threads: int | None = None, device: str = "cpu") -> Iterator[None]:
    """Restore the global state after a `with` block, also after an exception.

    Args:
        seed: Seed of all generators in the block; None does not seed them.
        threads: Torch's number of threads in the block; None does not change it.
        device: Device whose generator is restored too.

    Example:
        >>> before = torch.get_rng_state()
        >>> with preserved_state(seed=3):
        ...     _ = torch.rand(2)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    state, where = GlobalState.now(), torch.device(device)
    on_cpu = where.type in ("cpu", "meta")
    with nullcontext() if on_cpu else torch.random.fork_rng([where], device_type=where.type):
        try:
            if threads is not None and threads != state.threads:
                torch.set_num_threads(threads)
            if seed is not None:
                seed_generators(seed)
            yield
        finally:
            state.restore()


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python, which dropout, for instance, draws from."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def derived_seed(seed: int, epoch: int) -> int:
    """Return the seed of an epoch, in 0..2^32 - 1."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint32)[0])
