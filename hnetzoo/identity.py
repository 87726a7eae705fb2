"""Identify data, documents and source code by sha256: equal digests, equal contents."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor


def digest_document(document: Any) -> str:
    """Digest a JSON document whatever the order of its keys.

    Example:
        >>> digest_document({"a": 1, "b": (2,)}) == digest_document({"b": [2], "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def digest_tensors(tensors: Iterable[Tensor]) -> str:
    """Digest the values of CPU tensors, in their order."""
    digest = hashlib.sha256()
    for tensor in tensors:
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def digest_weights(state: Mapping[str, Tensor]) -> str:
    """Digest named tensors; "none" where there is none."""
    if not state:
        return "none"
    parts = {
        name: [str(value.dtype), list(value.shape), digest_tensors([value.cpu()])] for name, value in state.items()
    }
    return digest_document(parts)


def digest_sources(package: str, without: Collection[str] = ()) -> str:
    """Digest the Python files of an importable package or module, so that editing one makes it another.

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


def _sources(package: str) -> Iterator[tuple[str, Path]]:
    """Yield the Python files with their names inside the package."""
    found = find_spec(package)
    for place in found.submodule_search_locations or () if found else ():
        for path in Path(place).rglob("*.py"):
            yield path.relative_to(place).as_posix(), path
    if found and not found.submodule_search_locations and found.has_location:  # a single module
        yield str(found.name), Path(str(found.origin))
