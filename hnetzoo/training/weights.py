"""Read, write and load weights as safetensors, without pickle."""

from collections.abc import Mapping
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from hnetzoo.errors import CheckpointError
from hnetzoo.files import reason, write_file


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to a safetensors file, complete or not at all."""
    write_file(path, serialise(tensors))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Return named tensors on the CPU; raises CheckpointError naming the file if it is missing or damaged."""
    try:
        return safetensors.torch.load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot read weights '{path}' ({reason(error)}); expected a safetensors file: restore it or train again"
        ) from None


def fill(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load named tensors into a module; raises CheckpointError saying which names or shapes do not fit."""
    expected = module.state_dict()
    missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    wrong = [
        f"{name} is {list(tensors[name].shape)} instead of {list(expected[name].shape)}"
        for name in sorted(expected.keys() & tensors.keys())
        if tensors[name].shape != expected[name].shape
    ]
    lists = (("missing", sorted(missing)), ("unexpected", sorted(extra)), ("of another shape", wrong))
    problems = [f"{label}: {', '.join(names)}" for label, names in lists if names]
    if problems:
        raise CheckpointError(f"weights '{source}' do not fit {type(module).__name__} ({'; '.join(problems)})")
    module.load_state_dict(dict(tensors))


def serialise(tensors: Mapping[str, Tensor]) -> bytes:
    """Return named tensors as the bytes of a safetensors file."""
    # Copies, because safetensors refuses tensors that share memory, as some optimisers have.
    return safetensors.torch.save(
        {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    )
