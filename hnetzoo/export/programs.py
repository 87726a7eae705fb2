"""Models as programs of `torch.export`."""

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config

from hnetzoo.association.model import unwrapped
from hnetzoo.errors import ExportError, HnetzooError
from hnetzoo.export.problems import example, feature_count_of

PROBLEM = ("distance", "row_mask", "col_mask")
"""What every model is given, in this order."""


def program(model: nn.Module, shape: tuple[int, int] | None = None) -> ExportedProgram:
    """Return a model as a program for any number of problems and slots, called as the model is.

    Args:
        model: An association model, on the CPU; its answers in eval mode and without gradients are exported.
        shape: (n, m) of the only problems that it takes, for models of fixed size; None for all others.

    Returns:
        The program; `program(model).module(check_guards=False)` answers: guards of torch refuse sizes of 1 for the sake
        of strides, which change no answer. It may be kept and compiled with torch's own tools; torch loads a file of
        one by unpickling, so load none from strangers.

    Raises:
        ExportError: If torch cannot trace the model, or only for one number of problems or slots.

    Example:
        >>> import hnetzoo
        >>> answer = program(hnetzoo.load_model("dual-softmax")).module(check_guards=False)
        >>> masks = torch.ones(7, 1, dtype=torch.bool), torch.ones(7, 4, dtype=torch.bool)
        >>> answer(torch.rand(7, 1, 4), *masks).shape
        torch.Size([7, 1, 4])
    """
    # Frozen, since loops are traced another way for gradients, and torch's later passes would ask for them.
    model = copy.deepcopy(unwrapped(model)).eval().requires_grad_(False)
    batch = example(shape, feature_count_of(model))
    try:
        # Sizes of 0 and 1 are not told apart from larger ones, so that a program is right for them too.
        with torch.no_grad(), _config.patch(backed_size_oblivious=True):  # type: ignore[attr-defined]
            sizes = free_sizes((*PROBLEM, *batch.features), shape, (Dim.DYNAMIC,) * 3)
            return torch.export.export(model, batch.problems, batch.features, dynamic_shapes=sizes)
    except (HnetzooError, MemoryError):
        raise
    except Exception as error:
        raise ExportError(
            f"{type(model).__name__} cannot be exported: torch.export says {reason(error)}; a model must consist of "
            "torch's own operations, and be free of loops over slots and of sizes as numbers"
        ) from error


def free_sizes(inputs: Iterable[str], shape: tuple[int, int] | None, dims: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Return the free axes of inputs by name, as torch takes them: b, and n and m unless a shape is fixed."""
    b, n, m = dims
    axes = {"distance": (n, m), "row": (n,), "col": (m,)}
    free = {name: () if shape else axes[name.partition("_")[0]] for name in inputs}
    return {name: {0: b, **dict(enumerate(slots, 1))} for name, slots in free.items()}


def reason(error: BaseException) -> str:
    """Return the first cause of an error and the first line of its text."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0].strip(' .')}" if lines else type(error).__name__
