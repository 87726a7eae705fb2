"""Crash-safe files: tensors in safetensors, the rest in JSON, a manifest of sha256 and sizes written last.

A file appears whole or not at all: temporary file, fsync, rename, fsync of the directory. Nothing here unpickles.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from hnetzoo.errors import CheckpointError

KEPT = 2  # newest resumable states; one more than needed, so a damaged one costs an epoch and not the training
_MANIFEST = "manifest.json"
_STATE = "state.json"
_TENSORS = "tensors.safetensors"
_PREFIX = "epoch-"


@dataclass(frozen=True)
class Checkpoint:
    """A resumable state after `epoch` epochs; `state` is any tree of numbers, texts, tensors, lists and dicts."""

    epoch: int
    state: dict[str, Any]


def write_file(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old content or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_directory(path.parent)


def remove_partial_file(path: Path) -> None:
    """Delete what a `write_file` of this path left behind when it was killed."""
    for partial in path.parent.glob(f".{path.name}.*.tmp"):
        partial.unlink(missing_ok=True)


def write_json(path: Path, document: Any) -> None:
    """Write a JSON document with `write_file`."""
    write_file(path, (json.dumps(document, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON document; raises CheckpointError naming the file if it is missing or damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read '{path}' ({_reason(error)}); it is missing or damaged") from None


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write named tensors as safetensors with `write_file`."""
    write_file(path, _serialise(tensors))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read named tensors onto the CPU; raises CheckpointError naming the file if it is missing or damaged."""
    try:
        return safetensors.torch.load(path.read_bytes())
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"cannot read weights '{path}' ({_reason(error)}); expected a safetensors file: restore it or train again"
        ) from None


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a resumable state into `directory` and drop all but the newest `KEPT`.

    Raises:
        CheckpointError: If the state holds something that is neither a tensor nor JSON.
    """
    tensors: dict[str, Tensor] = {}
    try:
        tree = json.dumps(_pack(checkpoint.state, tensors, "")).encode()
    except TypeError as error:
        raise CheckpointError(f"the training state cannot be saved without pickle ({error})") from None
    contents = {_STATE: tree, _TENSORS: _serialise(tensors)}
    target = directory / f"{_PREFIX}{checkpoint.epoch:06d}"
    staging = directory / f".{target.name}.tmp"
    for stale in (staging, target):
        shutil.rmtree(stale, ignore_errors=True)
    staging.mkdir(parents=True)
    for name, content in contents.items():
        write_file(staging / name, content)
    files = {name: {"sha256": _digest(content), "size": len(content)} for name, content in contents.items()}
    write_json(staging / _MANIFEST, {"epoch": checkpoint.epoch, "files": files})
    staging.rename(target)
    _sync_directory(directory)
    for old in _newest_first(directory)[KEPT:]:
        shutil.rmtree(old)


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """Return the newest whole state, walking back over damaged ones; None if there is none."""
    for path in _newest_first(directory):
        try:
            return _read_checkpoint(path)
        except CheckpointError:
            continue
    return None


def _read_checkpoint(path: Path) -> Checkpoint:
    manifest = read_json(path / _MANIFEST)
    try:
        for name, expected in manifest["files"].items():
            content = (path / name).read_bytes()
            if (_digest(content), len(content)) != (expected["sha256"], expected["size"]):
                raise CheckpointError(f"'{path / name}' does not match its manifest")
        tensors = load_tensors(path / _TENSORS)
        return Checkpoint(int(manifest["epoch"]), _unpack(read_json(path / _STATE), tensors))
    except (OSError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"'{path}' is damaged ({_reason(error)})") from None


def _newest_first(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{_PREFIX}*"), reverse=True)


def _pack(node: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """Replace tensors by references and what JSON would change (tuples, non-text keys) by tagged lists."""
    if isinstance(node, Tensor):
        tensors[name] = node
        return {"$tensor": name}
    if isinstance(node, dict):
        return {"$dict": [[key, _pack(value, tensors, f"{name}/{key}")] for key, value in node.items()]}
    if isinstance(node, list | tuple):
        items = [_pack(value, tensors, f"{name}/{index}") for index, value in enumerate(node)]
        return {"$tuple": items} if isinstance(node, tuple) else items
    return node


def _unpack(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(node, list):
        return [_unpack(value, tensors) for value in node]
    if not isinstance(node, dict):
        return node
    ((tag, content),) = node.items()
    if tag == "$tensor":
        return tensors[content]
    if tag == "$tuple":
        return tuple(_unpack(value, tensors) for value in content)
    return {key: _unpack(value, tensors) for key, value in content}


def _serialise(tensors: Mapping[str, Tensor]) -> bytes:
    # Copies, because safetensors refuses tensors that share memory and some optimisers keep such.
    return safetensors.torch.save(
        {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
