"""Crash-safe files: tensors in safetensors, the rest in JSON, a manifest of sha256 and sizes written last.

A file appears whole or not at all: temporary file, fsync, rename, fsync of the directory. Nothing here unpickles.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_json, reason, sync_directory, write_file, write_json
from hnetzoo.training.weights import load_tensors, serialise

KEPT = 2  # newest resumable states; one more than needed, so a damaged one costs an epoch and not the training
_MANIFEST = "manifest.json"
_STATE = "state.json"
_TENSORS = "tensors.safetensors"
_PREFIX = "epoch-"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """A resumable state after `epoch` epochs; `state` is any tree of numbers, texts, tensors, lists and dicts."""

    epoch: int
    state: dict[str, Any]


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
    contents = {_STATE: tree, _TENSORS: serialise(tensors)}
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
    sync_directory(directory)
    for old in _newest_first(directory)[KEPT:]:
        shutil.rmtree(old)


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """Return the newest whole state, walking back over damaged ones with a warning; None where none was saved.

    Raises:
        CheckpointError: If states were saved and all of them are damaged.
    """
    problem = ""
    for path in _newest_first(directory):
        try:
            return _read_checkpoint(path)
        except CheckpointError as error:
            problem = str(error)
            _LOG.warning("passing over a damaged checkpoint: %s", error)
    if problem:
        raise CheckpointError(f"no checkpoint in '{directory}' is whole ({problem}); start over with --fresh")
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
        raise CheckpointError(f"'{path}' is damaged ({reason(error)})") from None


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


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
