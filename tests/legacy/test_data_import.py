"""Data of every pickle protocol and numpy version are imported; errors name the entry and leave no file."""

import io
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hnetzoo.association.problem_files import read_problems
from hnetzoo.errors import DataError
from hnetzoo.legacy import importing
from hnetzoo.legacy.reader import read_data
from hnetzoo.legacy.unpickling import RefusedError
from tests.legacy.pickles import entries, spoilt, write

NUMPY_CORE = np.zeros(1).__reduce__()[0].__module__.removesuffix(".multiarray").encode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_of_every_protocol_are_imported_unchanged(tmp_path: Path, protocol: int) -> None:
    made = entries()
    batch = importing.import_data(
        write(tmp_path / "data", pickle.dumps(dict(enumerate(made)), protocol)), tmp_path / "new" / "data.npz"
    )
    stored = read_problems(tmp_path / "new" / "data.npz")
    assert np.array_equal(stored.distance, np.stack([entry[2] for entry in made]).astype(np.float32))
    assert np.array_equal(stored.association, np.stack([entry[3] for entry in made]).astype(bool))
    assert stored.row_mask.all()
    assert stored.col_mask.all()
    assert torch.equal(batch.distance, stored.distance)


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_data_of_old_and_new_numpy_are_imported(tmp_path: Path, core: bytes) -> None:
    content = pickle.dumps(entries(), protocol=3).replace(NUMPY_CORE + b".", core + b".")
    assert importing.import_data(write(tmp_path / "data", content), tmp_path / "data.npz").distance.shape == (7, 2, 3)


def test_data_of_python_2_are_imported(tmp_path: Path) -> None:
    """Python 2 stores bytes as text, with opcode BINSTRING."""
    content = pickle.dumps([[1, 1, np.eye(2), np.eye(2), 0, 0]], protocol=3)
    raw = np.eye(2).tobytes()
    short, long = b"C" + bytes([len(raw)]) + raw, b"T" + len(raw).to_bytes(4, "little") + raw
    assert content.count(short) == 2
    source = write(tmp_path / "data", content.replace(short, long).replace(b"C\x01b", b"U\x01b"))
    assert importing.import_data(source, tmp_path / "data.npz").distance.tolist() == [[[1, 0], [0, 1]]]


def test_data_are_ordered_by_their_index(tmp_path: Path) -> None:
    made = entries()
    source = write(tmp_path / "data", pickle.dumps({index: made[index] for index in (4, 0, 2)}))
    distance = importing.import_data(source, tmp_path / "data.npz").distance
    assert np.allclose(distance, np.stack([made[index][2] for index in (0, 2, 4)]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (spoilt(0, 5), "entry 3: n_ref is 5; expected an integer of 0..2"),
        (spoilt(1, 10**30), "entry 3: n_pred is a int; expected an integer of 0..3"),
        (spoilt(1, 1.0), "entry 3: n_pred is a float"),
        (spoilt(2, np.zeros((3, 3))), r"entry 3: D is \[3, 3\], the ones before are \[2, 3\]"),
        (spoilt(2, [[0.0] * 3] * 2), "entry 3: D is a list of 2; expected an array"),
        (spoilt(2, np.full((2, 3), np.nan)), "entry 3: a D with NaN"),
        (spoilt(2, np.full((2, 3), 1e300)), "entry 3: a D with .* beyond float32"),
        (spoilt(3, np.full((2, 3), 0.5)), "entry 3: an A with other values than 0 and 1"),
        (spoilt(3, np.array([[1, 1, 0], [0, 0, 0]])), "entry 3: an A with more than one pair in a row"),
        (spoilt(3, np.array([[1, 0, 0], [1, 0, 0]])), "entry 3: an A with more than one pair in a column"),
        (
            [entry[:4] for entry in entries()],
            r"entry 0: a list of 4; expected \[n_ref, n_pred, D, A, ref_xyz, pred_xyz\]",
        ),
        ([[*entry[:3], np.eye(2), 0, 0] for entry in entries()], r"has D \[2, 3\] and A \[2, 2\]; expected one shape"),
        ({"first": entries()[0]}, "keys that are not integers"),
        ({}, "holds a dict of 0; expected a dict or list of entries"),
        (17, "holds 17; expected a dict or list of entries"),
    ],
)
def test_data_that_are_not_as_described_name_the_entry(content: object, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        read_data(io.BytesIO(pickle.dumps(content)))


def test_data_that_are_not_as_described_leave_no_file(tmp_path: Path) -> None:
    source = write(tmp_path / "data", pickle.dumps(spoilt(0, 5)))
    with pytest.raises(DataError, match=rf"'{source}' has entry 3: n_ref is 5; .*; give a pickle of") as caught:
        importing.import_data(source, tmp_path / "data.npz")
    assert caught.value.exit_code == 4
    assert os.listdir(tmp_path) == ["data"]


def test_reading_data_needs_no_torch() -> None:
    code = "import sys, hnetzoo.legacy.reader; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
