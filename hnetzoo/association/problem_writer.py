"""Write a folder of problems, as `hnetzoo.association.problem_folders` describes it, part by part."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from torch import Tensor

from hnetzoo.association.batch import SPLITS, AssociationBatch, Split
from hnetzoo.association.manifest import MANIFEST, FieldName, Manifest, StoredArray, array_file, write_manifest
from hnetzoo.association.splits import misshapen, mistyped
from hnetzoo.errors import ConfigError, DataError
from hnetzoo.files import sync_directory

_FILES = {array_file(split, field) for split in SPLITS for field in AssociationBatch._fields}


def write_problem_folder(
    path: str | Path,
    splits: Mapping[Split, Iterable[AssociationBatch]],
    *,
    unit: str = "unknown",
    truth: str = "",
    source: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write problems as a folder that `hnetzoo.read_problem_folder` reads, of which one part at a time is in memory.

    The manifest is written last, so that a folder whose writing was interrupted is refused, and can be written again.

    Args:
        path: The folder, which is created; it may be empty, or one whose writing was interrupted.
        splits: The parts of each split, all of one n x m and with the same fields; a generator makes them when they are
            needed. One split alone is divided into all three by the dataset that reads it.
        unit: Unit of the distances.
        truth: What a true pair means, as `truth` of datasets.
        source: Where the problems are from, JSON values.

    Returns:
        What the folder holds.

    Raises:
        ConfigError: If the folder holds problems or other files already.
        DataError: If parts differ in shape or fields.

    Example:
        >>> import torch
        >>> from tempfile import TemporaryDirectory
        >>> from hnetzoo import read_problem_folder
        >>> batch = AssociationBatch.with_full_masks(torch.rand(3, 2, 2), torch.eye(2).bool().expand(3, 2, 2))
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_problem_folder(f"{folder}/mine", {"train": (batch for _ in range(5)), "test": [batch]})
        ...     read_problem_folder(f"{folder}/mine").load("train").distance.shape
        torch.Size([15, 2, 2])
    """
    path = Path(path)
    created = _claim(path)
    try:
        stored: dict[Split, dict[FieldName, StoredArray]] = {}
        first: AssociationBatch | None = None
        for split, parts in splits.items():
            writer = _SplitWriter(path, split)
            try:
                for part in parts:
                    first = first or part
                    writer.append(part, first)
                stored[split] = writer.finish()
            finally:
                writer.close()
        manifest = Manifest(splits=stored, unit=unit, truth=truth, source=source or {})
        sync_directory(path)
        write_manifest(path, manifest)
    except BaseException:
        _remove_unfinished(path)
        if created:
            path.rmdir()
        raise
    return manifest


class _SplitWriter:
    """Write the arrays of a split, part by part."""

    def __init__(self, path: Path, split: Split) -> None:
        self.path, self.split = path, split
        self.arrays: dict[str, _ArrayWriter] = {}

    def append(self, part: AssociationBatch, first: AssociationBatch) -> None:
        """Write problems behind those that were written, after comparing them with the first ones."""
        _, n, m = first.distance.shape
        problem = misshapen(part, (n, m)) or mistyped(part) or _unlike(part, first)
        if not n + m:
            problem = "problems have neither rows nor columns"
        if problem:
            raise DataError(f"{self.split} split: {problem}; give parts of one size with the same fields")
        for name, field in part.tensors.items():
            if name not in self.arrays:
                self.arrays[name] = _ArrayWriter(self.path / array_file(self.split, name), field)
            self.arrays[name].append(field)

    def finish(self) -> dict[FieldName, StoredArray]:
        """Return what was written, after it has reached the disk."""
        if not self.arrays:
            raise DataError(f"{self.split} split: it has no part; give at least one")
        return {name: array.finish() for name, array in self.arrays.items()}  # type: ignore[misc]

    def close(self) -> None:
        """Close the files."""
        for array in self.arrays.values():
            array.file.close()


class _ArrayWriter:
    """Write a .npy file part by part; its header, which numpy pads for that, gets the number of problems at the end."""

    def __init__(self, path: Path, like: Tensor) -> None:
        self.shape, self.dtype = tuple(like.shape[1:]), like.cpu().numpy().dtype
        self.count, self.digest = 0, hashlib.sha256()
        self.file: IO[bytes] = path.open("xb")
        self.offset = self._write_header()

    def append(self, part: Tensor) -> None:
        """Write values behind those that were written."""
        values = np.ascontiguousarray(part.cpu().numpy()).reshape(-1).view(np.uint8).data
        self.digest.update(values)
        self.file.write(values)
        self.count += len(part)

    def finish(self) -> StoredArray:
        """Return what was written, after it has reached the disk."""
        self.file.seek(0)
        assert self._write_header() == self.offset, "headers are padded to one length"
        self.file.flush()
        os.fsync(self.file.fileno())
        return StoredArray(
            dtype=self.dtype.name,  # type: ignore[arg-type]
            shape=(self.count, *self.shape),
            sha256=self.digest.hexdigest(),
        )

    def _write_header(self) -> int:
        described = np.lib.format.dtype_to_descr(self.dtype)
        header = {"descr": described, "fortran_order": False, "shape": (self.count, *self.shape)}
        np.lib.format.write_array_header_1_0(self.file, header)
        return self.file.tell()


def _claim(path: Path) -> bool:
    """Return whether a folder was created for problems; files of one whose writing was interrupted are removed."""
    if not path.exists():
        path.mkdir()
        return True
    if not path.is_dir():
        raise ConfigError(f"'{path}' is no folder; choose another one")
    found = {entry.name for entry in path.iterdir()}
    if MANIFEST in found:
        raise ConfigError(f"folder '{path}' already holds problems; choose another one, or delete it first")
    others = sorted(name for name in found - _FILES if not name.startswith(f".{MANIFEST}."))
    if others:
        raise ConfigError(f"folder '{path}' holds other files ('{others[0]}'); choose another one")
    _remove_unfinished(path)
    return False


def _remove_unfinished(path: Path) -> None:
    for entry in path.iterdir():
        if entry.name in _FILES or MANIFEST in entry.name:
            entry.unlink()


def _unlike(part: AssociationBatch, first: AssociationBatch) -> str:
    """Return how the fields of a part differ from those of the first one; "" if they do not."""
    if part.tensors.keys() != first.tensors.keys():
        return f"a part has {', '.join(part.tensors)}, and the first one {', '.join(first.tensors)}"
    for name, field in part.features.items():
        expected = first.features[name].shape[2]
        if field.shape[2] != expected:
            return f"{name} of a part has {field.shape[2]} columns, and that of the first one {expected}"
    return ""
