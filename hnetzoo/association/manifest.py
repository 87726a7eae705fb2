"""The manifest of a folder of problems: which arrays it holds, and their digests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from hnetzoo.association.batch import Split
from hnetzoo.errors import CheckpointError, DataError
from hnetzoo.files import read_record, write_record

MANIFEST = "manifest.json"
REQUIRED = ("distance", "association", "row_mask", "col_mask")
FieldName = Literal[
    "distance",
    "association",
    "row_mask",
    "col_mask",
    "row_active",
    "col_active",
    "row_features",
    "col_features",
    "truth",
    "probability",
]


class StoredArray(BaseModel):
    """An array: its type, shape and the sha256 of its values, without the header of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: Literal["float32", "bool", "int64"]
    shape: Annotated[tuple[NonNegativeInt, ...], Field(min_length=1, max_length=3)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """The contents of manifest.json.

    The file of an array follows from its names, as `array_file` says: a manifest names no path.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["problems"] = "problems"
    schema_version: Literal[1] = 1
    splits: Annotated[dict[Split, dict[FieldName, StoredArray]], Field(min_length=1)]
    """The arrays of each split by field."""
    unit: str = "unknown"
    """Unit of the distances."""
    truth: str = ""
    """What a true pair means, as `truth` of datasets."""
    source: Mapping[str, Any] = {}
    """Where the problems are from: dataset, settings, seed, shards."""


def array_file(split: str, field: str) -> str:
    """Return the name of the file of an array.

    Example:
        >>> array_file("train", "distance")
        'train-distance.npy'
    """
    return f"{split}-{field}.npy"


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder, with its digest; the write is atomic."""
    write_record(folder / MANIFEST, manifest.model_dump(mode="json"))


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a folder.

    Raises:
        DataError: If there is none, as in a folder whose writing was interrupted, or it is damaged.
    """
    if not (folder / MANIFEST).exists():
        raise DataError(
            f"folder '{folder}' holds no {MANIFEST}: it is no folder of problems, or its writing was interrupted; "
            "write it again (hnetzoo generate DATASET --shards N --out FOLDER)"
        )
    try:
        manifest = Manifest.model_validate(read_record(folder / MANIFEST))
    except CheckpointError as error:
        raise DataError(str(error)) from None
    except ValidationError as error:
        found = error.errors(include_url=False)[0]
        place = ".".join(map(str, found["loc"]))
        raise DataError(
            f"'{folder / MANIFEST}' is no manifest of problems ({place}: {found['msg']}); write the folder again"
        ) from None
    problem = _incoherent(manifest)
    if problem:
        raise DataError(f"'{folder / MANIFEST}': {problem}; write the folder again")
    return manifest


def _incoherent(manifest: Manifest) -> str:
    """Return what is missing in a manifest or differs between its splits; "" if nothing does."""
    first = next(iter(manifest.splits.values()))
    for split, arrays in manifest.splits.items():
        missing = [name for name in REQUIRED if name not in arrays]
        if missing:
            return f"{missing[0]} of the {split} split is missing"
        if arrays.keys() != first.keys():
            return f"the {split} split holds {', '.join(arrays)}, and the first one {', '.join(first)}"
        shape = arrays["distance"].shape
        if len(shape) != 3:
            return f"distance of the {split} split is {list(shape)}; expected [b, n, m]"
        if shape[1:] == (0, 0):
            return "problems have neither rows nor columns"  # any number of them would fit into no file at all
    return ""
