"""Files of distances in every format: what is read, and the errors of other or damaged files."""

import gc
import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hnetzoo import ConfigError, DataError, read_distances, read_problems
from hnetzoo.association.problem_files import write_array


def npy(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def archive(method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return stream.getvalue()


def damaged(content: bytes) -> bytes:
    """Spoil the compressed bytes of the first member: 0xFF opens a block of a type that does not exist."""
    start = content.index(b"distance.npy") + len("distance.npy")
    return content[:start] + b"\xff" + content[start + 1 :]


def changed(content: bytes) -> bytes:
    """Change one byte that is stored uncompressed, which only the checksum detects."""
    return content[:-400] + bytes([content[-400] ^ 1]) + content[-399:]


NOISE = np.random.default_rng(0).random((200, 5, 5))
UNREADABLE = {
    "empty.npz": b"",
    "text.npz": b"hello",
    "cut.npz": archive(distance=npy(NOISE))[:2000],
    "damaged.npz": damaged(archive(distance=npy(NOISE))),
    "changed.npz": changed(archive(distance=npy(NOISE), method=zipfile.ZIP_STORED)),
    "an-array.npz": npy(NOISE),
    "no-arrays.npz": archive(distance=b"hello"),
    "empty.npy": b"",
    "text.npy": b"hello",
    "cut.npy": npy(NOISE)[:2000],
    "an-archive.npy": archive(distance=npy(NOISE)),
    "header.csv": b"a,b\n1,2\n",
    "ragged.csv": b"1,2\n3\n",
    "binary.csv": b"\xff\xfe1,2\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_damaged_file_or_one_of_another_kind_is_an_expected_error(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(UNREADABLE[name])
    with pytest.raises(DataError, match=re.escape(f"'{path}'")) as caught:
        read_distances(path)
    assert "\n" not in str(caught.value)
    del caught
    gc.collect()  # reports a file left open here and not in a later test


def test_no_message_recommends_unpickling(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_bytes(b"hello")
    with pytest.raises(DataError, match="cannot read") as caught:
        read_problems(tmp_path / "text.npz")
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent.npz", "absent.npy", "absent.csv"])
def test_a_missing_file_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"^cannot read '.*{re.escape(name)}' as .*\(No such file or directory\); "):
        read_distances(tmp_path / name)


@pytest.mark.parametrize("name", ["distances.txt", "distances", "distances.NPZ.gz"])
def test_an_unknown_suffix_lists_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is of no known kind; give distances as \.npz, \.npy, \.csv$"):
        read_distances(tmp_path / name)


@pytest.mark.parametrize("shape", [(3, 2, 4), (2, 4)])
def test_npy_holds_a_batch_or_one_matrix(shape: tuple[int, ...], tmp_path: Path) -> None:
    array = NOISE.ravel()[: np.prod(shape)].reshape(shape)
    write_array(tmp_path / "distances.npy", array)
    stored = read_distances(tmp_path / "distances.npy")
    assert torch.equal(stored.distance, torch.from_numpy(array).float().reshape(-1, 2, 4))
    assert bool(stored.row_mask.all())
    assert bool(stored.col_mask.all())
    assert stored.association is None


def test_csv_holds_one_matrix_with_a_line_per_reference(tmp_path: Path) -> None:
    (tmp_path / "distances.csv").write_text("0.5, 1,2e0\n\n3,inf,-4\n")
    assert read_distances(tmp_path / "distances.csv").distance.tolist() == [[[0.5, 1.0, 2.0], [3.0, np.inf, -4.0]]]


@pytest.mark.parametrize("text", ["1,nan\n", "nan\n"])
def test_csv_with_nan_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "distances.csv").write_text(text)
    with pytest.raises(DataError, match=r"distances\.csv': distance has a NaN, first at index \[0, 0, "):
        read_distances(tmp_path / "distances.csv")


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_csv_without_a_number_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "distances.csv").write_text(text)
    with pytest.raises(DataError, match="distance matrix"):
        read_distances(tmp_path / "distances.csv")


def test_pickled_arrays_are_never_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    for name in ("trap.npz", "trap.npy"):
        with (tmp_path / name).open("wb") as file:
            (np.savez if name == "trap.npz" else np.save)(file, np.array([Trap()], dtype=object))
        with pytest.raises(DataError, match=r"^cannot read .* as \.np[yz] \(Object arrays cannot be loaded"):
            read_distances(tmp_path / name)
    assert not (tmp_path / "sprung").exists()
