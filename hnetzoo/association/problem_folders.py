"""Folders of problems, for more of them than fit into memory: plain .npy arrays that are mapped, and a manifest.

    train-distance.npy       float32 [b, n, m]    an array per split and field of AssociationBatch
    train-association.npy    bool    [b, n, m]
    train-row_mask.npy       bool    [b, n]       and so on
    manifest.json            types, shapes and digests, unit and source; written last

Tensors of a folder are parts of its files. The system reads them when they are used and drops them when memory runs
short; what is written into them is private to the process and never reaches the files.
"""

import hashlib
import math
import mmap
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnetzoo.association.batch import AssociationBatch, Split, piece_slices
from hnetzoo.association.manifest import Manifest, StoredArray, array_file, read_manifest
from hnetzoo.association.problem_files import read_header
from hnetzoo.association.problem_values import check_values
from hnetzoo.association.splits import misshapen, mistyped
from hnetzoo.errors import DataError
from hnetzoo.files import check_size, reason

_NO_RESERVE = 0x4000 if sys.platform == "linux" else 0  # MAP_NORESERVE: a private mapping may exceed the memory


class _CheckedFile(NamedTuple):
    """An array in a file: where its values begin [bytes], and the size and time of change that it had."""

    path: Path
    stored: StoredArray
    offset: int
    size: int
    changed_ns: int


class ProblemFolder:
    """The problems of a folder, which were checked once, when it was opened.

    Args:
        path: The folder.
        manifest: What it holds.

    Raises:
        DataError: If an array is missing, damaged or not as the manifest says, or its values contradict each other.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hnetzoo import write_problem_folder
        >>> batch = AssociationBatch.with_full_masks(torch.rand(3, 2, 2), torch.eye(2).bool().expand(3, 2, 2))
        >>> with TemporaryDirectory() as folder:
        ...     manifest = write_problem_folder(f"{folder}/mine", {"train": [batch, batch]}, unit="m")
        ...     stored = ProblemFolder(Path(folder, "mine"), manifest)
        ...     stored.shape, stored.splits, stored.load("train").distance.shape
        ((2, 2), {'train': 6}, torch.Size([6, 2, 2]))
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self.path, self.manifest = path, manifest
        self._files: dict[Split, dict[str, _CheckedFile]] = {
            split: {name: _checked_file(path / array_file(split, name), stored) for name, stored in arrays.items()}
            for split, arrays in manifest.splits.items()
        }
        for split, files in self._files.items():
            batch = self.load(split)
            problem = misshapen(batch, self.shape) or mistyped(batch)
            if problem:
                raise DataError(f"'{path}', {split} split: {problem}; write the folder again")
            _check_contents(path, split, files)

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m) of every problem."""
        _, n, m = next(iter(self.manifest.splits.values()))["distance"].shape
        return n, m

    @property
    def splits(self) -> dict[Split, int]:
        """The number of problems of each split that the folder holds."""
        return {split: arrays["distance"].shape[0] for split, arrays in self.manifest.splits.items()}

    def load(self, split: Split) -> AssociationBatch:
        """Return the problems of a split that the folder holds, in a mapping of their own.

        Raises:
            DataError: If a file has changed since it was checked.
        """
        return AssociationBatch(**{name: _mapped(file) for name, file in self._files[split].items()})


def read_problem_folder(path: str | Path) -> ProblemFolder:
    """Return the problems of a folder, after one pass over its files that needs little memory.

    Raises:
        DataError: If it holds no manifest, or an array is missing, damaged or not as described; names the file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from hnetzoo import write_problem_folder
        >>> batch = AssociationBatch.with_full_masks(torch.rand(3, 2, 2), torch.eye(2).bool().expand(3, 2, 2))
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_problem_folder(f"{folder}/mine", {"train": [batch, batch]})
        ...     read_problem_folder(f"{folder}/mine").splits
        {'train': 6}
    """
    return ProblemFolder(Path(path), read_manifest(Path(path)))


def _checked_file(path: Path, stored: StoredArray) -> _CheckedFile:
    """Return a file after checking its header and size against the manifest, before anything is read or mapped."""
    try:
        check_size(path, sys.maxsize)
        with path.open("rb") as file:
            shape, dtype, fortran_order = read_header(file)
            offset, found = file.tell(), os.fstat(file.fileno())
    except Exception as error:  # damaged headers raise of many kinds
        raise DataError(
            f"cannot read '{path}' as .npy ({reason(error)}); restore it, or write the folder again"
        ) from None
    if (shape, dtype, fortran_order) != (stored.shape, np.dtype(stored.dtype), False):
        raise DataError(
            f"'{path}' holds {dtype} {list(shape)}{' in Fortran order' if fortran_order else ''}, and the manifest "
            f"says {stored.dtype} {list(stored.shape)}; restore it, or write the folder again"
        )
    expected = offset + math.prod(shape) * dtype.itemsize
    if found.st_size != expected:
        raise DataError(
            f"'{path}' has {found.st_size:,} bytes instead of {expected:,}; restore it, or write the folder again"
        )
    return _CheckedFile(path, stored, offset, found.st_size, found.st_mtime_ns)


def _mapped(file: _CheckedFile) -> Tensor:
    """Return the array of a file as a tensor that is read when it is used, and private when it is written into."""
    dtype = np.dtype(file.stored.dtype)
    if not math.prod(file.stored.shape):
        return torch.from_numpy(np.empty(file.stored.shape, dtype))
    try:
        with file.path.open("rb") as opened:
            found = os.fstat(opened.fileno())
            if (found.st_size, found.st_mtime_ns) != (file.size, file.changed_ns):
                raise DataError(f"'{file.path}' was changed while it was in use; start again")
            memory = private_mapping(opened.fileno())
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"cannot map '{file.path}' into memory ({reason(error)}); restore it, or start again") from None
    values = np.frombuffer(memory, dtype, math.prod(file.stored.shape), file.offset)
    return torch.from_numpy(values.reshape(file.stored.shape))


def private_mapping(descriptor: int) -> mmap.mmap:
    """Return a file in memory, which may exceed it, with writes that are private to this process."""
    if sys.platform == "win32":
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
    flags, protection = mmap.MAP_PRIVATE | _NO_RESERVE, mmap.PROT_READ | mmap.PROT_WRITE
    return mmap.mmap(descriptor, 0, flags=flags, prot=protection)


def _check_contents(path: Path, split: Split, files: Mapping[str, _CheckedFile]) -> None:
    """Raise DataError if values of a split do not have the digests of the manifest, or contradict each other."""
    digests = {name: hashlib.sha256() for name in files}
    contradiction: DataError | None = None
    first = 0
    for piece in _read_in_pieces(files):
        for name, array in piece.items():
            digests[name].update(array.reshape(-1).view(np.uint8).data)
        try:
            where = f"'{path}', {split} split"
            check_values(where, {name: _tensor(array, where) for name, array in piece.items()}, first=first)
        except DataError as error:  # damage is told rather than what it does to values
            contradiction = contradiction or error
        first += len(piece["distance"])
    for name, file in files.items():
        if digests[name].hexdigest() != file.stored.sha256:
            raise DataError(
                f"'{file.path}' does not match its digest in the manifest; it is damaged: restore it, or write the "
                "folder again"
            )
    if contradiction:
        raise contradiction


def _read_in_pieces(files: Mapping[str, _CheckedFile]) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield consecutive problems of a split, read and not mapped, which would keep them in memory for a while."""
    with ExitStack() as held:
        opened = {name: held.enter_context(file.path.open("rb")) for name, file in files.items()}
        for name, file in files.items():
            opened[name].seek(file.offset)
        widest = max(math.prod(file.stored.shape[1:]) for file in files.values())
        for piece in piece_slices(files["distance"].stored.shape[0], 1, widest):
            yield {name: _read(opened[name], file.stored, piece) for name, file in files.items()}


def _read(file: IO[bytes], stored: StoredArray, piece: slice) -> NDArray[Any]:
    shape = (min(piece.stop, stored.shape[0]) - piece.start, *stored.shape[1:])
    return np.fromfile(file, stored.dtype, math.prod(shape)).reshape(shape)


def _tensor(array: NDArray[Any], where: str) -> Tensor:
    """Return an array as a tensor; raises DataError for flags other than 0 and 1, which torch takes for True."""
    if array.dtype == np.bool_ and bool((array.view(np.uint8) > 1).any()):
        raise DataError(f"{where}: flags are other than 0 and 1; write the folder again")
    return torch.from_numpy(array)
