"""Checks of models on larger problems, within bounds of time and memory."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from hnetzoo.association.model import unwrapped
from hnetzoo.registry.specs import FIXED_SIZE, ModelSpec
from hnetzoo.testing.outcome import Check, CheckFailure, Settings
from hnetzoo.testing.problems import draw
from hnetzoo.testing.subjects import attempt, build_model, require_finite, require_shape

LARGE = (9, 17, 64)  # slots a side
SECONDS = 20.0  # for two problems
BYTES = 2**30  # of one tensor; 64 x 64 pairs of pairs with 16 channels take as much
"""Bounds that any practical matcher keeps at 64 x 64."""


class OverBounds(BaseException):
    """A call took too long, or allocated too large a tensor; its text says which."""


def check_large_problems(spec: ModelSpec, settings: Settings = None) -> None:
    """Problems of 9, 17 and 64 slots a side give finite logits of their shape, in bounded time and memory.

    Two problems may take 20 seconds, and no tensor more than 1 GiB.
    """
    require_shape(spec, settings)
    for size in LARGE:
        model, inputs = unwrapped(build_model(spec, settings, (size, size))), draw((size, size), 2)
        try:
            with time_limit(SECONDS), _MemoryLimit():  # type: ignore[no-untyped-call]
                logits = attempt(model, inputs)
        except OverBounds as over:
            raise CheckFailure(f"two problems of {size} x {size} {over}", inputs.problem()) from None
        require_finite(logits, inputs)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OverBounds in a `with` block that takes longer; where no signal reaches it, after its end."""
    start = time.monotonic()
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
    else:
        with _alarm(seconds):
            yield
    if time.monotonic() - start > seconds:
        raise OverBounds(f"take more than {seconds:g} seconds")


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Interrupt a `with` block; an alarm that was set before is set again with the time that is left."""

    def interrupt(*_: Any) -> None:
        raise OverBounds(f"take more than {seconds:g} seconds")

    handler, start = signal.signal(signal.SIGALRM, interrupt), time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, max(0.1, left - (time.monotonic() - start)) if left else 0, interval)


class _MemoryLimit(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raise OverBounds when an operation returns a tensor of more than BYTES."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = function(*args, **(kwargs or {}))
        for result in tree_leaves(results):
            if isinstance(result, torch.Tensor) and result.untyped_storage().nbytes() > BYTES:
                raise OverBounds(f"take a tensor of {result.untyped_storage().nbytes() / 2**30:.1f} GiB")
        return results


MODEL = (Check(check_large_problems, unless=(FIXED_SIZE,)),)
