"""Files of association problems: the .npz file that users provide and `hnetzoo generate` writes.

    distance      float  [b, n, m]   required
    association   bool   [b, n, m]   required for training and evaluation, optional for `hnetzoo associate`
    row_mask      bool   [b, n]      optional; all True where absent
    col_mask      bool   [b, m]      optional; all True where absent
    row_active    bool   [b, n]      optional; the slots that hold a source, for reports
    col_active    bool   [b, m]      optional
    row_features  float  [b, n, k]   optional; further features of the references
    col_features  float  [b, m, k]   optional
    truth         int64  [b]         optional; what a true pair means, for training, as `AssociationBatch.truth`
    probability   float  [b, n, m]   optional; how likely each pair is true, for training
    split         uint8  [b]         optional; 0 train, 1 validation, 2 test

Nothing is unpickled. A file may hold 1 GiB of arrays, a .csv matrix 16 MiB of text.
"""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple
from zipfile import ZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hnetzoo.association.batch import SPLITS, TRUTHS, AssociationBatch, full_masks
from hnetzoo.association.problem_values import check_first, check_values
from hnetzoo.errors import ConfigError, DataError
from hnetzoo.files import check_size, read_file, reason, write_file

Array = NDArray[Any]
SUFFIXES = (".npz", ".npy", ".csv")
LARGEST_ARRAYS = 1 << 30  # bytes, unpacked
LARGEST_TEXT = 1 << 24  # bytes
_ROWS, _COLUMNS = ("row_mask", "row_active"), ("col_mask", "col_active")


class StoredProblems(NamedTuple):
    """Problems of a file or a list, with fields as in AssociationBatch; absent arrays are None, except the masks.

    `split` is uint8 [b], an index into `hnetzoo.SPLITS`.
    """

    distance: Tensor
    row_mask: Tensor
    col_mask: Tensor
    association: Tensor | None = None
    split: Tensor | None = None
    row_active: Tensor | None = None
    col_active: Tensor | None = None
    row_features: Tensor | None = None
    col_features: Tensor | None = None
    truth: Tensor | None = None
    probability: Tensor | None = None

    @property
    def problems(self) -> tuple[Tensor, Tensor, Tensor]:
        """What every model is asked: distance, row_mask and col_mask."""
        return self.distance, self.row_mask, self.col_mask

    @property
    def features(self) -> dict[str, Tensor]:
        """The features of references and predictions, by name; without those that the file does not hold."""
        given = {"row_features": self.row_features, "col_features": self.col_features}
        return {name: field for name, field in given.items() if field is not None}

    @property
    def batch(self) -> AssociationBatch | None:
        """The problems with their truth; None if the file holds no association."""
        if self.association is None:
            return None
        fields = self._asdict()
        return AssociationBatch(**{name: fields[name] for name in AssociationBatch._fields})


def read_problems(path: str | Path) -> StoredProblems:
    """Return the problems of a .npz file, checked: distance, features and probability float32, flags bool, split uint8.

    Returns:
        Fields as in `AssociationBatch`, None where the file holds no such array, and `split` [b], an index into
        `SPLITS`; `batch` is the AssociationBatch of a file with associations.

    Raises:
        DataError: If the file cannot be read, or an array is missing or not as described; names the file, the array,
            its shape and what is expected.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.savez(Path(folder, "mine.npz"), distance=np.zeros((5, 2, 3)))
        ...     stored = read_problems(Path(folder, "mine.npz"))
        >>> stored.distance.shape, stored.row_mask.shape, stored.association is None
        (torch.Size([5, 2, 3]), torch.Size([5, 2]), True)
    """
    path = Path(path)
    arrays = _load_npz(path)
    if "distance" not in arrays:
        raise DataError(
            f"'{path}' holds no array 'distance' (found: {', '.join(arrays) or 'none'}); expected [b, n, m]"
        )
    distance = _numbers(path, "distance", arrays["distance"])
    b, n, m = distance.shape
    shapes = {"association": (b, n, m), **dict.fromkeys(_ROWS, (b, n)), **dict.fromkeys(_COLUMNS, (b, m))}
    flags = {name: _flags(path, name, arrays[name], shape) for name, shape in shapes.items() if name in arrays}
    masks = full_masks(distance, flags.pop("row_mask", None), flags.pop("col_mask", None))
    split = _numbered(path, "split", arrays, b, dict(enumerate(SPLITS)))
    truth = _numbered(path, "truth", arrays, b, {-1: "another", **dict(enumerate(TRUTHS))})
    stored = StoredProblems(
        distance,
        *masks,
        **flags,
        split=None if split is None else torch.from_numpy(split.astype(np.uint8)),
        row_features=_features(path, "row_features", arrays, masks[0]),
        col_features=_features(path, "col_features", arrays, masks[1]),
        truth=None if truth is None else torch.from_numpy(truth.astype(np.int64)),
        probability=_probability(path, arrays, distance.shape),
    )
    check_values(f"'{path}'", {name: field for name, field in stored._asdict().items() if field is not None})
    return stored


def read_distances(path: str | Path) -> StoredProblems:
    r"""Return the distances of a file: .npz as in `read_problems`, .npy [b, n, m] or [n, m], or .csv (one matrix).

    Raises:
        ConfigError: If the suffix is none of these.
        DataError: If the file cannot be read or its contents are not as described.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "mine.csv").write_text("0.1,0.9,0.6\n0.8,0.7,0.2\n")
        ...     read_distances(Path(folder, "mine.csv")).distance.shape
        torch.Size([1, 2, 3])
    """
    path = Path(path)
    if path.suffix == ".npz":
        return read_problems(path)
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"'{path}' is of no known kind; give distances as {', '.join(SUFFIXES)}")
    array = _load_npy(path) if path.suffix == ".npy" else _load_csv(path)
    distance = _numbers(path, "distance", array[None] if array.ndim == 2 else array)
    check_first(f"'{path}'", "distance", "a NaN", distance.isnan())
    return StoredProblems(distance, *full_masks(distance, None, None))


def write_problems(path: str | Path, batch: AssociationBatch, split: Tensor | None = None) -> None:
    """Write problems as a .npz file that `read_problems` reads; the write is atomic.

    Args:
        path: The file; one that is there is replaced.
        batch: The problems.
        split: Which split each belongs to, integer [b], an index into `SPLITS`; None writes none.

    Example:
        >>> import tempfile
        >>> batch = AssociationBatch.with_full_masks(torch.zeros(5, 2, 3), torch.zeros(5, 2, 3, dtype=torch.bool))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_problems(Path(folder, "mine.npz"), batch)
        ...     read_problems(Path(folder, "mine.npz")).batch.distance.shape
        torch.Size([5, 2, 3])
    """
    arrays = {name: field.cpu().numpy() for name, field in batch.tensors.items()}
    if split is not None:
        arrays["split"] = split.cpu().numpy().astype(np.uint8)
    write_arrays(Path(path), arrays)


def write_arrays(path: Path, arrays: dict[str, Array]) -> None:
    """Write named arrays as a compressed .npz file; the write is atomic."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
    write_file(path, content.getvalue())


def write_array(path: Path, array: Array) -> None:
    """Write one array as a .npy file; the write is atomic."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    write_file(path, content.getvalue())


def _load_npz(path: Path) -> dict[str, Array]:
    try:
        check_size(path, LARGEST_ARRAYS)
        with ZipFile(path) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > LARGEST_ARRAYS:
                raise ValueError(f"it unpacks to {unpacked:,} bytes, and at most {LARGEST_ARRAYS:,} are accepted")
            arrays = {}
            for entry in entries:
                if not entry.filename.endswith(".npy"):
                    raise ValueError(f"'{entry.filename}' in it is not an array")
                with archive.open(entry) as file:
                    arrays[entry.filename.removesuffix(".npy")] = _read_array(file, entry.file_size)
            return arrays
    except Exception as error:  # damaged archives and headers raise of many kinds
        raise DataError(
            f"cannot read '{path}' as .npz ({reason(error)}); give a file of plain numeric arrays"
        ) from None


def _load_npy(path: Path) -> Array:
    try:
        check_size(path, LARGEST_ARRAYS)
        with path.open("rb") as file:
            return _read_array(file, path.stat().st_size)
    except Exception as error:  # damaged headers raise of many kinds
        raise DataError(f"cannot read '{path}' as .npy ({reason(error)}); give a plain numeric array") from None


def _read_array(file: IO[bytes], size: int) -> Array:
    """Return the array of a .npy file of so many bytes; its header is checked before memory is taken for it."""
    shape, dtype, _ = read_header(file)
    asked = math.prod(shape) * dtype.itemsize
    if not dtype.hasobject and (min(shape, default=0) < 0 or asked > size):  # objects are refused below
        raise ValueError(f"its header asks for {list(shape)} of {dtype}, and it has {size:,} bytes")
    file.seek(0)
    array: Array = np.lib.format.read_array(file, allow_pickle=False)
    return array


def read_header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Return shape, type and whether columns come first, of a .npy file, whose values follow; ValueError if damaged."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran_order, dtype = read(file)
    return shape, dtype, fortran_order


def _load_csv(path: Path) -> Array:
    """Return a matrix of numbers, one line per reference."""
    try:
        lines = [line for line in read_file(path, LARGEST_TEXT).decode().splitlines() if line.strip()]
        if not lines:
            raise ValueError("it is empty")
        return np.array([[float(entry) for entry in line.split(",")] for line in lines], ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read '{path}' as a distance matrix ({reason(error)}); expected a line of comma-separated numbers "
            "per reference, all lines of one length"
        ) from None


def _numbers(path: Path, name: str, array: Array) -> Tensor:
    if array.ndim != 3 or array.dtype.kind not in "fiu":
        raise DataError(f"'{path}': {name} is {array.dtype} {list(array.shape)}; expected numbers [b, n, m]")
    with np.errstate(over="ignore"):
        converted = np.ascontiguousarray(array, dtype=np.float32)
    if bool((np.isinf(converted) & np.isfinite(array)).any()):
        raise DataError(
            f"'{path}': {name} has numbers beyond float32; scale them down, or write inf for forbidden pairs"
        )
    return torch.from_numpy(converted)


def _flags(path: Path, name: str, array: Array, shape: tuple[int, ...]) -> Tensor:
    if array.shape != shape:
        raise DataError(f"'{path}': {name} has shape {list(array.shape)}; distance requires {list(shape)}")
    if array.dtype.kind not in "bfiu" or not np.isin(array, (0, 1)).all():
        raise DataError(f"'{path}': {name} is {array.dtype} with values other than 0 and 1; expected bool")
    return torch.from_numpy(array.astype(bool))


def _numbered(path: Path, name: str, arrays: dict[str, Array], b: int, names: Mapping[int, str]) -> Array | None:
    """Return an array [b] of numbers that stand for names; None if the file has none."""
    if name not in arrays:
        return None
    array = arrays[name]
    if array.shape != (b,) or array.dtype.kind not in "iu" or not np.isin(array, list(names)).all():
        known = ", ".join(f"{number} ({meaning})" for number, meaning in names.items())
        raise DataError(f"'{path}': {name} is {array.dtype} {list(array.shape)}; expected {[b]} of {known}")
    return array


def _probability(path: Path, arrays: dict[str, Array], shape: torch.Size) -> Tensor | None:
    """Return how likely pairs are true, [b, n, m]; None if the file does not say it."""
    if "probability" not in arrays:
        return None
    probability = _numbers(path, "probability", arrays["probability"])
    if probability.shape != shape:
        raise DataError(f"'{path}': probability has shape {list(probability.shape)}; distance requires {list(shape)}")
    return probability


def _features(path: Path, name: str, arrays: dict[str, Array], mask: Tensor) -> Tensor | None:
    """Return the features [b, s, k] of the slots of a mask [b, s]; None if the file has none."""
    if name not in arrays:
        return None
    features = _numbers(path, name, arrays[name])
    if features.shape[:2] != mask.shape:
        b, slots = mask.shape
        raise DataError(f"'{path}': {name} has shape {list(features.shape)}; distance requires [{b}, {slots}, k]")
    return features
