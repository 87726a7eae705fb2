"""Loops that stay loops in an exported graph: tracing would unroll them, and fix how many steps there are."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

LONGEST_UNROLLED = 8
"""Steps of a loop, known when it is traced, that are written out one after the other, which is faster."""

Step = Callable[..., list[Tensor]]


def scan(step: Step, state: Sequence[Tensor], along: Sequence[Tensor], constants: Sequence[Tensor]) -> list[Tensor]:
    """Return the last state and the stacked outputs of a loop; for use under `torch.compiler.is_exporting` alone.

    The public `torch.scan` compiles its step on its own, which fixes sizes where a model has several loops.

    Args:
        step: Called with the state, a slice of each of `along`, and the constants; it returns the next state, and what
            is to be stacked. Nothing of it may share memory.
        state: The initial state.
        along: Tensors whose first axis is that of the loop.
        constants: All other tensors that the step reads.
    """
    from torch._higher_order_ops.scan import scan_op

    steps = along[0].shape[0]
    if isinstance(steps, torch.SymInt) or steps > LONGEST_UNROLLED:
        return list(scan_op(step, list(state), list(along), tuple(constants)))
    carried, outputs = list(state), []
    for slices in zip(*along, strict=True):
        answer = step(*carried, *slices, *constants)
        carried = answer[: len(state)]
        outputs.append(answer[len(state) :])
    return carried + [torch.stack(stacked) for stacked in zip(*outputs, strict=True)]
