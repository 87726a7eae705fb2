"""Problem files: they read back as written, and errors name the wrong array."""

import contextlib
import errno
import io
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch

from hnetzoo import AssociationBatch, DataError, read_problems, write_problems
from hnetzoo.association.problem_files import read_distances, write_arrays

Save = Callable[..., Path]
Make = Callable[..., AssociationBatch]


def _right_file() -> bytes:
    content = io.BytesIO()
    np.savez(content, distance=np.ones((1, 1, 2)), association=np.zeros((1, 1, 2), dtype=bool))
    return content.getvalue()


RIGHT_FILE = _right_file()


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Return a function that saves arrays as a .npz; by default a correct file of 3 problems of 2 x 4."""

    def write(name: str = "problems.npz", **arrays: Any) -> Path:
        path = tmp_path / name
        right = {"distance": np.ones((3, 2, 4)), "association": np.zeros((3, 2, 4), dtype=bool)}
        np.savez(path, **{key: value for key, value in {**right, **arrays}.items() if value is not None})
        return path

    return write


def random_batch(generator: torch.Generator, b: int, n: int, m: int) -> AssociationBatch:
    distance = torch.randn(b, n, m, generator=generator)
    masks = torch.rand(b, n, generator=generator) < 0.7, torch.rand(b, m, generator=generator) < 0.7
    association = torch.eye(max(n, m)).bool()[:n, :m] & masks[0].unsqueeze(2) & masks[1].unsqueeze(1)
    return AssociationBatch(distance, association, *masks)


def with_all_fields(generator: torch.Generator, b: int, n: int, m: int) -> AssociationBatch:
    batch = random_batch(generator, b, n, m)
    active = (mask & (torch.rand(mask.shape, generator=generator) < 0.6) for mask in (batch.row_mask, batch.col_mask))
    features = torch.randn(b, n, 3, generator=generator), torch.randn(b, m, 3, generator=generator)
    truth = torch.randint(-1, 2, (b,), generator=generator)
    probability = torch.rand(b, n, m, generator=generator)
    return AssociationBatch(*batch[:4], *active, *features, truth, probability)


@pytest.mark.parametrize("shape", [(5, 2, 3), (1, 1, 1), (0, 2, 2), (3, 0, 2), (3, 2, 0), (0, 0, 0)])
@pytest.mark.parametrize("with_split", [False, True])
@pytest.mark.parametrize("make", [random_batch, with_all_fields])
def test_written_problems_read_back_equal(
    shape: tuple[int, int, int], with_split: bool, make: Make, tmp_path: Path, generator: torch.Generator
) -> None:
    batch = make(generator, *shape)
    split = torch.arange(shape[0]) % 3 if with_split else None
    write_problems(tmp_path / "problems.npz", batch, split)
    stored = read_problems(str(tmp_path / "problems.npz"))
    assert stored.batch is not None
    assert stored.batch.tensors.keys() == batch.tensors.keys()
    for name, field in batch.tensors.items():
        assert torch.equal(stored.batch.tensors[name], field)
        assert stored.batch.tensors[name].dtype == field.dtype
    assert (stored.split is None) == (split is None)
    assert split is None or torch.equal(stored.split, split.to(torch.uint8))


def test_written_files_are_plain_arrays_of_the_documented_types(tmp_path: Path, generator: torch.Generator) -> None:
    path = tmp_path / "problems.npz"
    write_problems(path, random_batch(generator, 4, 2, 3), torch.zeros(4))
    with np.load(path, allow_pickle=False) as archive:
        assert {name: (archive[name].dtype.name, archive[name].shape) for name in archive.files} == {
            "distance": ("float32", (4, 2, 3)),
            "association": ("bool", (4, 2, 3)),
            "row_mask": ("bool", (4, 2)),
            "col_mask": ("bool", (4, 3)),
            "split": ("uint8", (4,)),
        }


def test_distances_alone_are_enough_and_all_slots_exist(save: Save) -> None:
    stored = read_problems(save(association=None))
    assert stored.association is None
    assert stored.batch is None
    assert stored.split is None
    assert stored.row_mask.tolist() == [[True] * 2] * 3
    assert stored.col_mask.tolist() == [[True] * 4] * 3


@pytest.mark.parametrize("dtype", ["float16", "float32", ">f8", "int8", ">i4", "uint64"])
def test_distances_of_every_number_type_become_float32(dtype: str, save: Save) -> None:
    array = np.asfortranarray(np.arange(24).reshape(3, 2, 4).astype(dtype))
    distance = read_problems(save(distance=array)).distance
    assert distance.dtype == torch.float32
    assert distance.tolist() == np.arange(24.0).reshape(3, 2, 4).tolist()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float64", "int64"])
def test_zeros_and_ones_of_every_type_become_flags(dtype: str, save: Save) -> None:
    association = np.zeros((3, 2, 4), dtype=dtype)
    association[0, 1, 2] = 1
    stored = read_problems(save(association=association, row_mask=np.ones((3, 2), dtype=dtype)))
    assert stored.association.nonzero().tolist() == [[0, 1, 2]]
    assert stored.row_mask.dtype == torch.bool


@pytest.mark.parametrize("garbage", [np.nan, np.inf, -np.inf])
def test_garbage_outside_the_masks_is_accepted(garbage: float, save: Save) -> None:
    distance, row_mask = np.ones((3, 2, 4)), np.ones((3, 2), dtype=bool)
    distance[1, 0], row_mask[1, 0] = garbage, False
    assert not read_problems(save(distance=distance, row_mask=row_mask)).row_mask[1, 0]


WRONG = {
    "no-distance": ({"distance": None}, "'{path}' holds no array 'distance' (found: association); expected [b, n, m]"),
    "flat-distance": ({"distance": np.ones(4)}, "'{path}': distance is float64 [4]; expected numbers [b, n, m]"),
    "text-distance": (
        {"distance": np.full((3, 2, 4), "a")}, "'{path}': distance is <U1 [3, 2, 4]; expected numbers [b, n, m]"
    ),
    "complex-distance": (
        {"distance": np.ones((3, 2, 4), complex)},
        "'{path}': distance is complex128 [3, 2, 4]; expected numbers [b, n, m]",
    ),
    "nan-distance": (
        {"distance": np.where(np.arange(24).reshape(3, 2, 4) == 13, np.nan, 1.0)},
        "'{path}': distance has a NaN inside the masks, first at index [1, 1, 1]",
    ),
    "narrow-association": (
        {"association": np.zeros((3, 2, 3), dtype=bool)},
        "'{path}': association has shape [3, 2, 3]; distance requires [3, 2, 4]",
    ),
    "soft-association": (
        {"association": np.full((3, 2, 4), 0.5)},
        "'{path}': association is float64 with values other than 0 and 1; expected bool",
    ),
    "two-in-a-row": (
        {"association": np.arange(24).reshape(3, 2, 4) // 2 == 8},
        "'{path}': association has more than one pair in a row, first at index [2, 0]",
    ),
    "two-in-a-column": (
        {"association": np.arange(24).reshape(3, 2, 4) % 4 == 3},
        "'{path}': association has more than one pair in a column, first at index [0, 3]",
    ),
    "pair-of-padding": (
        {"association": np.arange(24).reshape(3, 2, 4) == 9, "col_mask": np.arange(12).reshape(3, 4) != 5},
        "'{path}': association has a pair outside the masks, first at index [1, 0, 1]",
    ),
    "long-row-mask": (
        {"row_mask": np.ones((3, 4), dtype=bool)}, "'{path}': row_mask has shape [3, 4]; distance requires [3, 2]"
    ),
    "long-column-mask": (
        {"col_mask": np.ones((3, 2), dtype=bool)}, "'{path}': col_mask has shape [3, 2]; distance requires [3, 4]"
    ),
    "counts-for-a-mask": (
        {"row_mask": np.full((3, 2), 2)}, "'{path}': row_mask is int64 with values other than 0 and 1; expected bool"
    ),
    "activity-of-padding": (
        {"row_active": np.ones((3, 2), dtype=bool), "row_mask": np.arange(6).reshape(3, 2) != 3},
        "'{path}': row_active has a slot outside the mask, first at index [1, 1]",
    ),
    "long-activity": (
        {"col_active": np.ones((3, 2), dtype=bool)}, "'{path}': col_active has shape [3, 2]; distance requires [3, 4]"
    ),
    "short-features": (
        {"row_features": np.ones((3, 4, 5))}, "'{path}': row_features has shape [3, 4, 5]; distance requires [3, 2, k]"
    ),
    "flat-features": (
        {"col_features": np.ones((3, 4))}, "'{path}': col_features is float64 [3, 4]; expected numbers [b, n, m]"
    ),
    "nan-features": (
        {"col_features": np.where(np.arange(24).reshape(3, 4, 2) == 9, np.nan, 1.0)},
        "'{path}': col_features has a value that is not finite inside the masks, first at index [1, 0, 1]",
    ),
    "split-out-of-range": (
        {"split": np.array([0, 1, 3])},
        "'{path}': split is int64 [3]; expected [3] of 0 (train), 1 (validation), 2 (test)",
    ),
    "short-split": ({"split": np.zeros(2, dtype=np.uint8)}, "'{path}': split is uint8 [2]; expected [3] of 0 (train)"),
    "named-split": ({"split": np.array(["train"] * 3)}, "'{path}': split is <U5 [3]; expected [3] of 0 (train)"),
    "truth-out-of-range": (
        {"truth": np.array([0, 1, 2])},
        "'{path}': truth is int64 [3]; expected [3] of -1 (another), 0 (activity), 1 (identity)",
    ),
    "truth-of-pairs": (
        {"truth": np.zeros((3, 2, 4), dtype=int)}, "'{path}': truth is int64 [3, 2, 4]; expected [3] of -1 (another)"
    ),
    "probability-of-problems": (
        {"probability": np.ones(3)}, "'{path}': probability is float64 [3]; expected numbers [b, n, m]"
    ),
    "probability-of-other-pairs": (
        {"probability": np.ones((3, 4, 2))}, "'{path}': probability has shape [3, 4, 2]; distance requires [3, 2, 4]"
    ),
    "improbable": (
        {"probability": np.where(np.arange(24).reshape(3, 2, 4) == 9, 1.5, 1.0)},
        "'{path}': probability has a value outside 0..1 inside the masks, first at index [1, 0, 1]",
    ),
    "pickled-association": (
        {"association": np.array([[[{}]]], dtype=object)}, "cannot read '{path}' as .npz (Object arrays cannot be"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("arrays", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_array_is_named_with_file_shape_and_expectation(
    arrays: dict[str, Any], message: str, save: Save
) -> None:
    path = save(**arrays)
    with pytest.raises(DataError, match=f"^{re.escape(message.format(path=path))}") as caught:
        read_problems(path)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


@hypothesis.given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_any_content_is_problems_or_a_data_error(tail: bytes, at: int, value: int) -> None:
    """A correct file with a byte changed and bytes appended, and these bytes alone."""
    content = bytearray(RIGHT_FILE)
    content[at % len(content)] = value
    for damaged in (bytes(content), bytes(content)[: at % len(content)], RIGHT_FILE + tail, tail):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "p.npz")
            path.write_bytes(damaged)
            with contextlib.suppress(DataError):
                assert read_problems(path).distance.dtype == torch.float32


def test_numbers_beyond_float32_are_refused_rather_than_taken_for_forbidden_pairs(save: Save) -> None:
    with pytest.raises(DataError, match="float32"):
        read_problems(save(distance=np.full((3, 2, 4), 1e300)))


@pytest.mark.parametrize("before", [None, b"what stood here"])
def test_a_failed_write_leaves_the_old_file(
    before: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, generator: torch.Generator
) -> None:
    path = tmp_path / "problems.npz"
    if before is not None:
        path.write_bytes(before)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_problems(path, random_batch(generator, 5, 2, 2))
    assert {found.name for found in tmp_path.iterdir()} == ({path.name} if before else set())
    assert before is None or path.read_bytes() == before


def test_a_write_replaces_the_old_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    for value in (1, 2):
        write_arrays(path, {"a": np.full(3, value)})
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    with np.load(path) as stored:
        assert stored["a"].tolist() == [2, 2, 2]


def _header(shape: tuple[int, ...]) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return content.getvalue()


@pytest.mark.parametrize("shape", [(10**6, 10**6, 10**6), (1 << 14, 64, 64), (-1, 2, 2)])
def test_a_header_that_asks_for_more_than_the_file_has_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "p.npy").write_bytes(_header(shape))
    with ZipFile(tmp_path / "p.npz", "w") as archive:
        archive.writestr("distance.npy", _header(shape))
    for name in ("p.npy", "p.npz"):
        with pytest.raises(DataError, match=r"asks for \[.*float32, and it has \d+ bytes"):
            read_distances(tmp_path / name)


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez_compressed(tmp_path / "p.npz", distance=np.zeros((1000, 10, 10), np.float32))
    monkeypatch.setattr("hnetzoo.association.problem_files.LARGEST_ARRAYS", 100_000)
    with pytest.raises(DataError, match="it unpacks to 400,128 bytes, and at most 100,000 are accepted"):
        read_distances(tmp_path / "p.npz")


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".csv"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"p{suffix}")
    with pytest.raises(DataError, match="not a regular file"):
        read_distances(tmp_path / f"p{suffix}")
