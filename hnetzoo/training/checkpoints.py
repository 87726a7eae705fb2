"""Crash-safe checkpoints: tensors in safetensors, all else in JSON, and a manifest of sha256 and sizes, written last.

A file is complete or absent: temporary file, fsync, rename, fsync of the directory. Nothing is unpickled.
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
from hnetzoo.files import read_file, read_json, read_record, reason, sync_directory, write_file, write_record
from hnetzoo.training.weights import LARGEST, load_tensors, serialise

KEPT = 2  # newest states; if one is damaged, only an epoch is lost and not the training
_MANIFEST = "manifest.json"
_STATE = "state.json"
_TENSORS = "tensors.safetensors"
_PREFIX = "epoch-"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `epoch` epochs: a tree of numbers, texts, tensors, lists, tuples and dicts."""

    epoch: int
    state: dict[str, Any]


def save_checkpoint(directory: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint into `directory` and delete all but the newest `KEPT`.

    Raises:
        CheckpointError: If the state holds a value that is neither a tensor nor JSON.
    """
    tensors: dict[str, Tensor] = {}
    try:
        tree = json.dumps(_pack(checkpoint.state, tensors, "")).encode()
    except TypeError as error:
        raise CheckpointError(f"the training state cannot be saved without pickle ({error})") from None
    contents = {_STATE: tree, _TENSORS: serialise(tensors)}
    target = directory / f"{_PREFIX}{checkpoint.epoch:06d}"
    staging = directory / f".{target.name}.tmp"
    for stale in (*directory.glob(f".{_PREFIX}*.tmp"), target):
        shutil.rmtree(stale, ignore_errors=True)
    staging.mkdir(parents=True)
    for name, content in contents.items():
        write_file(staging / name, content)
    files = {name: {"sha256": _digest(content), "size": len(content)} for name, content in contents.items()}
    write_record(staging / _MANIFEST, {"epoch": checkpoint.epoch, "files": files})
    staging.rename(target)
    sync_directory(directory)
    for old in _newest_first(directory)[KEPT:]:
        shutil.rmtree(old)


def load_checkpoint(directory: Path) -> Checkpoint | None:
    """Return the newest intact checkpoint, skipping damaged ones with a warning; None if none was saved.

    Raises:
        CheckpointError: If all saved checkpoints are damaged.
    """
    problem = ""
    for path in _newest_first(directory):
        try:
            return _read_checkpoint(path)
        except CheckpointError as error:
            problem = str(error)
            _LOG.warning("skipping a damaged checkpoint: %s", error)
    if problem:
        raise CheckpointError(f"no checkpoint in '{directory}' is intact ({problem}); start over with --fresh")
    return None


def _read_checkpoint(path: Path) -> Checkpoint:
    manifest = read_record(path / _MANIFEST)
    try:
        for name, expected in manifest["files"].items():
            content = read_file(path / name, LARGEST)
            if (_digest(content), len(content)) != (expected["sha256"], expected["size"]):
                raise CheckpointError(f"'{path / name}' does not match its manifest")
        tensors = load_tensors(path / _TENSORS)
        return Checkpoint(int(manifest["epoch"]), _unpack(read_json(path / _STATE), tensors))
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"'{path}' is damaged ({reason(error)})") from None


def _newest_first(directory: Path) -> list[Path]:
    found = (path for path in directory.glob(f"{_PREFIX}*") if path.name.removeprefix(_PREFIX).isdecimal())
    return sorted(found, key=lambda path: int(path.name.removeprefix(_PREFIX)), reverse=True)


def _pack(node: Any, tensors: dict[str, Tensor], name: str) -> Any:
    """Return the tree with references in place of tensors, and tagged lists in place of tuples and dicts."""
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
