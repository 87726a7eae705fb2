"""Read, write and load weights as safetensors, without pickle.

A file holds the digest of its tensors as metadata, so that damage is found wherever the file is.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from hnetzoo.digests import digest_tensors
from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_file, reason, write_file

LARGEST = 1 << 30  # bytes of a file of weights
SHOWN = 3  # names of a kind in an error, so that it stays a line
_DIGEST = "sha256"


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors to a safetensors file, complete or not at all."""
    write_file(path, serialise(tensors))


def load_tensors(path: Path, sha256: str = "") -> dict[str, Tensor]:
    """Return named tensors on the CPU.

    Args:
        path: A safetensors file.
        sha256: The digest that the file must have; "" accepts any.

    Raises:
        CheckpointError: If the file is missing or damaged, or its contents do not match a digest.
    """
    try:
        content = read_file(path, LARGEST)
        tensors = safetensors.torch.load(content)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot read weights '{path}' ({reason(error)}); expected a safetensors file: restore it or train again"
        ) from None
    found = hashlib.sha256(content).hexdigest()
    if found != (sha256 or found) or _stored_digest(content) not in ("", digest_tensors(tensors)):
        raise CheckpointError(f"weights '{path}' do not match their digest; they are damaged: restore or train them")
    return tensors


def fill(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load named tensors into a module.

    Raises:
        CheckpointError: If names, shapes or types do not fit, or a value is NaN.
    """
    problem = misfit(module.state_dict(), tensors)
    if problem:
        raise CheckpointError(
            f"weights '{source}' do not fit {type(module).__name__} ({problem}); use the settings and the version that "
            "they were trained with, or train again"
        )
    module.load_state_dict(dict(tensors))


def misfit(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> str:
    """Return in which names, shapes and types tensors differ from what is expected, and which are NaN; "" if none.

    Example:
        >>> misfit({"a": torch.zeros(2)}, {"a": torch.zeros(3), "b": torch.zeros(1)})
        'unexpected: b; of another shape: a is [3] instead of [2]'
    """
    missing, extra = expected.keys() - tensors.keys(), tensors.keys() - expected.keys()
    common = sorted(expected.keys() & tensors.keys())
    wrong = [
        f"{name} is {list(tensors[name].shape)} instead of {list(expected[name].shape)}"
        for name in common
        if tensors[name].shape != expected[name].shape
    ]
    types = [
        f"{name} is {tensors[name].dtype} instead of {expected[name].dtype}"
        for name in common
        if tensors[name].dtype != expected[name].dtype
    ]
    lists = (
        ("missing", sorted(missing)),
        ("unexpected", sorted(extra)),
        ("of another shape", wrong),
        ("of another type", types),
        ("not a number", sorted(name for name, tensor in tensors.items() if bool(tensor.isnan().any()))),
    )
    return "; ".join(f"{label}: {_first(names)}" for label, names in lists if names)


def _first(names: Sequence[str]) -> str:
    """Return the first of some names, and how many there are besides."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def serialise(tensors: Mapping[str, Tensor]) -> bytes:
    """Return named tensors as the bytes of a safetensors file."""
    # Copies, because safetensors refuses tensors that share memory, as some optimisers have.
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    return safetensors.torch.save(copies, metadata={_DIGEST: digest_tensors(copies)})


def _stored_digest(content: bytes) -> str:
    """Return the digest of the tensors that a safetensors file holds as metadata; "" if it has none."""
    size = int.from_bytes(content[:8], "little")
    return str(json.loads(content[8 : 8 + size]).get("__metadata__", {}).get(_DIGEST, ""))
