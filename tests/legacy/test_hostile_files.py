"""Hostile files run no code, and are limited in memory and time."""

import io
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from hnetzoo.errors import CheckpointError, DataError
from hnetzoo.legacy import importing
from hnetzoo.registry.components import Component
from hnetzoo.registry.specs import ModelSpec
from tests.legacy.pickles import entries, spoilt, write

RECONSTRUCT, (NDARRAY, *_), _ = np.zeros(1).__reduce__()
COMMAND = "touch executed"


class Call:
    """Pickles to a call of `function`."""

    def __init__(self, function: Callable[..., object], *arguments: object, state: object = None) -> None:
        self.parts = (function, arguments, state)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...], object]:
        return self.parts


def nested_tuples(depth: int) -> bytes:
    """The opcodes of a tuple that takes 2**depth steps to hash."""
    return b")" + depth * (b"2" + b"\x86")


def hashing_bomb() -> bytes:
    return b"\x80\x02}" + nested_tuples(60) + b"Ns."


def copying_bomb() -> bytes:
    text = pickle.dumps("x" * (1 << 20), protocol=2)[2:-1]
    return b"\x80\x02" + text + b"q\x010]" + 2000 * (b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86Ra") + b"."


def persistent() -> bytes:
    class Pickler(pickle.Pickler):
        def persistent_id(self, value: object) -> str | None:
            return "elsewhere" if value == "reference" else None

    stream = io.BytesIO()
    Pickler(stream).dump(["reference"])
    return stream.getvalue()


def array_state(*state: object) -> bytes:
    return pickle.dumps([Call(RECONSTRUCT, NDARRAY, (0,), b"b", state=state)])


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory in which code of a hostile file, or of the reader, would create a file named executed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path
    assert not list(tmp_path.rglob("executed"))


HOSTILE = {
    "os.system": (pickle.dumps(Call(os.system, COMMAND)), "asks for posix.system, .* nothing was run"),
    "protocol 0": (pickle.dumps(Call(os.system, COMMAND), protocol=0), "asks for posix.system"),
    "inside an entry": (pickle.dumps(spoilt(4, Call(os.system, COMMAND))), "asks for posix.system"),
    "eval": (pickle.dumps(Call(eval, "open('executed', 'w')")), "asks for builtins.eval"),
    "python 2": (b"c__builtin__\neval\n(S\"open('executed', 'w')\"\ntR.", "asks for __builtin__.eval"),
    "instance": (b"(S'touch executed'\niposix\nsystem\n.", "asks for posix.system"),
    "path into numpy": (b"\x80\x04\x8c\x05numpy\x8c\x0ef2py.os.system\x93.", "asks for numpy.f2py.os.system"),
    "numpy's loader": (b"cnumpy\nload\n(S'data'\ntR.", "asks for numpy.load"),
    "extension": (b"\x80\x02\x82\x01.", "unregistered extension"),
    "a changed function": (b"cnumpy\ndtype\n}S'code'\nNsb.", "changes a function"),
    "array of another class": (pickle.dumps(Call(RECONSTRUCT, list, (0,), b"b")), "asks for builtins.list"),
    "objects": (pickle.dumps(np.array([None, 1], dtype=object)), "dtype 'O8'; only plain numbers"),
    "records": (pickle.dumps(np.zeros(2, dtype=[("a", "f8")])), "dtype 'V8'; only plain numbers"),
    "fields of a number": (b"cnumpy\ndtype\n(S'f8'\ntR(I3\nS'<'\n(I1\ntNNI0\nI0\nI0\ntb.", "structured dtype"),
    "array without bytes": (array_state(1, (10**6, 10**6), np.dtype("f8"), False, b""), "array of 0 bytes"),
    "array of negative size": (array_state(1, (-1, -1), np.dtype("f8"), False, bytes(8)), "not a tuple of sizes"),
    "array of a list": (array_state(1, (1,), np.dtype("f8"), False, [0]), "something other than plain numbers"),
    "persistent id": (persistent(), "persistent id"),
    "huge bytes": (b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b".", "asks for more memory than the 128 MiB"),
    "huge memo": (b"\x80\x02Nr\xff\xff\xff\x7f.", "asks for more memory"),
    "copies": (copying_bomb(), "asks for more memory"),
    "deep nesting": (b"]" * 10**5 + b"a" * (10**5 - 1) + b".", "entry 0: a list of 1"),
    "truncated": (pickle.dumps(entries())[:-100], r"is damaged or not a pickle \(UnpicklingError"),
    "text": (b"index,distance\n0,0.5\n", "is damaged or not a pickle"),
    "control characters": (b"c\x1b[31mred\nname\n.", r"asks for \?\[31mred.name"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_run_no_code(elsewhere: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(importing, "MEMORY", 1 << 27)  # filling a gigabyte is slow
    content, message = HOSTILE[name]
    with pytest.raises(DataError, match=message) as caught:
        importing.import_data(write(elsewhere / "data", content), elsewhere / "data.npz")
    assert caught.value.exit_code == 4
    assert str(caught.value).isprintable()
    assert os.listdir(elsewhere) == ["data"]


def test_hostile_files_run_code_when_unpickled_without_protection(elsewhere: Path) -> None:
    pickle.loads(HOSTILE["os.system"][0])
    (elsewhere / "executed").unlink()
    pickle.loads(HOSTILE["python 2"][0]).close()
    (elsewhere / "executed").unlink()


def test_endless_computation_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "SECONDS", 1)
    monkeypatch.setattr(importing, "PATIENCE", 100)  # the machine may be busy
    with pytest.raises(DataError, match="was given up after 1 s of processor time"):
        importing.import_data(write(tmp_path / "data", hashing_bomb()), tmp_path / "data.npz")


def test_a_reader_that_does_not_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PATIENCE", 0.05)
    with pytest.raises(DataError, match="was given up after 1 s"):
        importing.import_data(write(tmp_path / "data", hashing_bomb()), tmp_path / "data.npz")


@pytest.mark.parametrize("new", [True, False])
def test_hostile_checkpoints_run_no_code(elsewhere: Path, hnetgru: Component[ModelSpec], new: bool) -> None:
    source = elsewhere / "weights.pt"
    torch.save({"fc1.bias": Call(os.system, COMMAND)}, source, _use_new_zipfile_serialization=new)
    assert importing.kind_of(source) == "checkpoint"
    with pytest.raises(CheckpointError, match=r"asks for posix.system, .* nothing was run") as caught:
        importing.import_checkpoint(source, elsewhere / "run", hnetgru)
    assert caught.value.exit_code == 4
    assert os.listdir(elsewhere) == ["weights.pt"]


def test_a_checkpoint_that_asks_for_more_memory_than_its_size_allows_is_refused(
    tmp_path: Path, hnetgru: Component[ModelSpec]
) -> None:
    source = tmp_path / "weights.pt"
    torch.save({"fc1.bias": torch.zeros(1).expand(1 << 34)}, source)
    with pytest.raises(CheckpointError, match="asks for more memory than the 1024 MiB"):
        importing.import_checkpoint(source, tmp_path / "run", hnetgru)
