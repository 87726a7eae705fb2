"""sha256 digests of documents, tensors and source code: equal digests mean equal contents. Torch-free on import."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def digest_document(document: Any) -> str:
    """Return the digest of a JSON document; the order of its keys does not matter.

    Example:
        >>> digest_document({"a": 1, "b": (2,)}) == digest_document({"b": [2], "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_tensors(tensors: "Mapping[str, Tensor]") -> str:
    """Return the digest of named tensors: their names, types, shapes and values.

    Example:
        >>> import torch
        >>> digest_tensors({"a": torch.zeros(4)}) == digest_tensors({"a": torch.zeros(2, 2)})
        False
    """
    return digest_document(
        {name: [str(tensor.dtype), list(tensor.shape), _digest_values(tensor)] for name, tensor in tensors.items()}
    )


def digest_sources(package: str, without: Collection[str] = ()) -> str:
    """Return the digest of the Python files of an importable package or module.

    `without` names subpackages to leave out.

    Example:
        >>> digest_sources("hnetzoo") == digest_sources("hnetzoo", without=("cli",))
        False
    """
    digests = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in _sources(package)
        if name.split("/")[0] not in without
    }
    return digest_document(digests)


def _digest_values(tensor: "Tensor") -> str:
    import torch

    values = tensor.detach().cpu().reshape(-1).view(torch.uint8)
    return hashlib.sha256(values.numpy().data).hexdigest()


def _sources(package: str) -> Iterator[tuple[str, Path]]:
    """Yield the name inside the package and the path of every Python file of a package."""
    found = find_spec(package)
    for place in found.submodule_search_locations or () if found else ():
        for path in Path(place).rglob("*.py"):
            yield path.relative_to(place).as_posix(), path
    if found and not found.submodule_search_locations and found.has_location:  # a single module
        yield str(found.name), Path(str(found.origin))
