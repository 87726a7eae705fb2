"""Foreign files are read in a process of their own: right ones come in whole, hostile ones run nothing."""

import io
import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from hnetzoo import foreign
from hnetzoo.checkpoint import load_tensors
from hnetzoo.cli.import_ import import_command
from hnetzoo.errors import CheckpointError, ConfigError, DataError
from hnetzoo.foreign_pickle import RefusedError
from hnetzoo.foreign_reader import read_data
from hnetzoo.problems import read_problems
from hnetzoo.registry import discover
from hnetzoo.runs import BEST, RUN, read_run
from hnetzoo.zoo import configure, load_model, resolve_model

RECONSTRUCT, (NDARRAY, *_), _ = np.zeros(1).__reduce__()
NUMPY_CORE = RECONSTRUCT.__module__.removesuffix(".multiarray").encode()
BUTTON = "touch pressed"


class Call:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments, state=None):
        self.parts = (function, arguments, state)

    def __reduce__(self):
        return self.parts


def entries(count=7, n=2, m=3):
    """Entries in the origin's form, with all the number types that numpy may have pickled."""
    generator = np.random.default_rng(0)
    made = []
    for index in range(count):
        association = np.zeros((n, m), dtype=("f8", "i8", "?")[index % 3])
        association[index % n, index % m] = 1
        distance = generator.random((n, m)).astype(("<f8", "<f4", ">f8")[index % 3])
        distance = np.asfortranarray(distance) if index % 2 else distance
        counts = [1, np.int64(2)] if index % 2 else [np.uint8(1), 2]
        made.append([*counts, distance, association, generator.random((n, 3)), generator.random((m, 3))])
    return made


def write(path, content):
    path.write_bytes(content)
    return path


def spoilt(field, value):
    """Entries of which number 3 has another value in a field."""
    made = entries()
    made[3][field] = value
    return made


def nested_tuples(depth):
    """The opcodes of a tuple that takes 2**depth steps to hash."""
    return b")" + depth * (b"2" + b"\x86")


def hashing_bomb():
    return b"\x80\x02}" + nested_tuples(60) + b"Ns."


def copying_bomb():
    text = pickle.dumps("x" * (1 << 20), protocol=2)[2:-1]
    return b"\x80\x02" + text + b"q\x010]" + 2000 * (b"c_codecs\nencode\nh\x01X\x06\x00\x00\x00latin1\x86Ra") + b"."


def persistent():
    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return "elsewhere" if value == "reference" else None

    stream = io.BytesIO()
    Pickler(stream).dump(["reference"])
    return stream.getvalue()


def array_state(*state):
    return pickle.dumps([Call(RECONSTRUCT, NDARRAY, (0,), b"b", state=state)])


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working directory in which a pressed button would leave its file, as would one pressed in the reader's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield tmp_path
    assert not list(tmp_path.rglob("pressed"))


@pytest.fixture(scope="module")
def hnetgru():
    return configure(discover().model("hnetgru"), {"hidden_size": 8})


@pytest.fixture
def module(hnetgru):
    torch.manual_seed(0)
    return hnetgru.build((3, 3)).eval()


# Data


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_data_of_every_protocol_come_in_as_they_are(tmp_path, protocol):
    made = entries()
    batch = foreign.import_data(
        write(tmp_path / "data", pickle.dumps(dict(enumerate(made)), protocol)), tmp_path / "new" / "data.npz"
    )
    stored = read_problems(tmp_path / "new" / "data.npz")
    assert np.array_equal(stored.distance, np.stack([entry[2] for entry in made]).astype(np.float32))
    assert np.array_equal(stored.association, np.stack([entry[3] for entry in made]).astype(bool))
    assert stored.row_mask.all()
    assert stored.col_mask.all()
    assert torch.equal(batch.distance, stored.distance)


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_data_of_old_and_new_numpy_come_in(tmp_path, core):
    content = pickle.dumps(entries(), protocol=3).replace(NUMPY_CORE + b".", core + b".")
    assert foreign.import_data(write(tmp_path / "data", content), tmp_path / "data.npz").distance.shape == (7, 2, 3)


def test_data_of_python_2_come_in(tmp_path):
    """Its bytes are text of opcode BINSTRING to us."""
    content = pickle.dumps([[1, 1, np.eye(2), np.eye(2), 0, 0]], protocol=3)
    raw = np.eye(2).tobytes()
    short, long = b"C" + bytes([len(raw)]) + raw, b"T" + len(raw).to_bytes(4, "little") + raw
    assert content.count(short) == 2
    source = write(tmp_path / "data", content.replace(short, long).replace(b"C\x01b", b"U\x01b"))
    assert foreign.import_data(source, tmp_path / "data.npz").distance.tolist() == [[[1, 0], [0, 1]]]


def test_data_stand_in_order_of_their_index(tmp_path):
    made = entries()
    source = write(tmp_path / "data", pickle.dumps({index: made[index] for index in (4, 0, 2)}))
    distance = foreign.import_data(source, tmp_path / "data.npz").distance
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
def test_data_that_are_not_as_described_name_the_entry(content, message):
    with pytest.raises(RefusedError, match=message):
        read_data(io.BytesIO(pickle.dumps(content)))


def test_data_that_are_not_as_described_leave_no_file(tmp_path):
    source = write(tmp_path / "data", pickle.dumps(spoilt(0, 5)))
    with pytest.raises(DataError, match=rf"'{source}' has entry 3: n_ref is 5; .*; give a pickle of") as caught:
        foreign.import_data(source, tmp_path / "data.npz")
    assert caught.value.exit_code == 4
    assert os.listdir(tmp_path) == ["data"]


HOSTILE = {
    "os.system": (pickle.dumps(Call(os.system, BUTTON)), "asks for posix.system, .* nothing was run"),
    "protocol 0": (pickle.dumps(Call(os.system, BUTTON), protocol=0), "asks for posix.system"),
    "inside an entry": (pickle.dumps(spoilt(4, Call(os.system, BUTTON))), "asks for posix.system"),
    "eval": (pickle.dumps(Call(eval, "open('pressed', 'w')")), "asks for builtins.eval"),
    "python 2": (b"c__builtin__\neval\n(S\"open('pressed', 'w')\"\ntR.", "asks for __builtin__.eval"),
    "instance": (b"(S'touch pressed'\niposix\nsystem\n.", "asks for posix.system"),
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
    "array of a list": (array_state(1, (1,), np.dtype("f8"), False, [0]), "something else than plain numbers"),
    "persistent id": (persistent(), "persistent id"),
    "huge bytes": (b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b".", "asks for more memory than the 128 MiB"),
    "huge memo": (b"\x80\x02Nr\xff\xff\xff\x7f.", "asks for more memory"),
    "copies": (copying_bomb(), "asks for more memory"),
    "deep nesting": (b"]" * 10**5 + b"a" * (10**5 - 1) + b".", "entry 0: a list of 1"),
    "truncated": (pickle.dumps(entries())[:-100], r"is damaged or no pickle at all \(UnpicklingError"),
    "text": (b"index,distance\n0,0.5\n", "is damaged or no pickle at all"),
    "control characters": (b"c\x1b[31mred\nname\n.", r"asks for \?\[31mred.name"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_data_run_nothing(elsewhere, monkeypatch, name):
    monkeypatch.setattr(foreign, "MEMORY", 1 << 27)  # filling a gigabyte takes its time
    content, message = HOSTILE[name]
    with pytest.raises(DataError, match=message) as caught:
        foreign.import_data(write(elsewhere / "data", content), elsewhere / "data.npz")
    assert caught.value.exit_code == 4
    assert str(caught.value).isprintable()
    assert os.listdir(elsewhere) == ["data"]


def test_the_buttons_of_the_hostile_files_work(elsewhere):
    pickle.loads(HOSTILE["os.system"][0])
    (elsewhere / "pressed").unlink()
    pickle.loads(HOSTILE["python 2"][0]).close()
    (elsewhere / "pressed").unlink()


def test_endless_computation_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "SECONDS", 1)
    monkeypatch.setattr(foreign, "PATIENCE", 100)  # of a busy machine
    with pytest.raises(DataError, match="was given up after 1 s of processor time"):
        foreign.import_data(write(tmp_path / "data", hashing_bomb()), tmp_path / "data.npz")


def test_a_reader_that_does_not_end_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "PATIENCE", 0.05)
    with pytest.raises(DataError, match="was given up after 1 s"):
        foreign.import_data(write(tmp_path / "data", hashing_bomb()), tmp_path / "data.npz")


def test_reading_data_needs_no_torch():
    code = "import sys, hnetzoo.foreign_reader; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Checkpoints


@pytest.mark.parametrize("form", ["old, from a GPU", "new, nested"])
def test_checkpoints_give_the_outputs_of_their_module(tmp_path, hnetgru, module, form):
    source, out = tmp_path / "weights.bin", tmp_path / "runs" / "imported"
    if form == "new, nested":
        torch.save({"epoch": 3, "state_dict": module.double().state_dict()}, source)
        module.float()
        out.mkdir(parents=True)
    else:
        torch.save(module.state_dict(), source, _use_new_zipfile_serialization=False)
        text = (b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
        assert text[0] in source.read_bytes()
        source.write_bytes(source.read_bytes().replace(*text))
    assert foreign.kind_of(source) == "checkpoint"
    foreign.import_checkpoint(source, out, hnetgru)
    distance = torch.rand(5, 3, 3)
    loaded = resolve_model(f"run:{out}", discover())
    assert torch.equal(loaded.module(distance), module(distance))
    assert loaded.shape == (3, 3)
    assert {path.name for path in out.iterdir()} == {RUN, BEST}
    assert all(tensor.dtype == torch.float32 for tensor in load_tensors(out / BEST).values())
    record = read_run(out)
    assert record.settings == {"model": {"hidden_size": 8}}
    assert record.source["file"] == "weights.bin"
    assert re.fullmatch("[0-9a-f]{64}", record.source["sha256"])


@pytest.mark.parametrize("new", [True, False])
def test_hostile_checkpoints_run_nothing(elsewhere, hnetgru, new):
    source = elsewhere / "weights.pt"
    torch.save({"fc1.bias": Call(os.system, BUTTON)}, source, _use_new_zipfile_serialization=new)
    assert foreign.kind_of(source) == "checkpoint"
    with pytest.raises(CheckpointError, match=r"asks for posix.system, .* nothing was run") as caught:
        foreign.import_checkpoint(source, elsewhere / "run", hnetgru)
    assert caught.value.exit_code == 4
    assert os.listdir(elsewhere) == ["weights.pt"]


def test_a_checkpoint_may_not_claim_more_memory_than_its_size_deserves(tmp_path, hnetgru):
    source = tmp_path / "weights.pt"
    torch.save({"fc1.bias": torch.zeros(1).expand(1 << 34)}, source)
    with pytest.raises(CheckpointError, match="asks for more memory than the 1024 MiB"):
        foreign.import_checkpoint(source, tmp_path / "run", hnetgru)


def test_a_truncated_checkpoint_is_refused(tmp_path, hnetgru, module):
    source = tmp_path / "weights.pt"
    torch.save(module.state_dict(), source)
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="cannot be read by torch") as caught:
        foreign.import_checkpoint(source, tmp_path / "run", hnetgru)
    assert "weights_only" not in str(caught.value)


def test_weights_of_another_model_list_expected_and_found_names(tmp_path, hnetgru):
    source = tmp_path / "weights.pt"
    torch.save({"encoder.weight": torch.zeros(2)}, source)
    with pytest.raises(CheckpointError, match=r"expected: gru.weight_ih_l0, .*; found: encoder.weight\)"):
        foreign.import_checkpoint(source, tmp_path / "run", hnetgru)


def test_weights_of_other_settings_name_the_shapes(tmp_path, module):
    source, out = tmp_path / "weights.pt", tmp_path / "run"
    torch.save(module.state_dict(), source)
    with pytest.raises(CheckpointError, match=r"fc1.weight is \[3, 8\] instead of \[3, 128\]"):
        foreign.import_checkpoint(source, out, configure(discover().model("hnetgru")))
    assert os.listdir(tmp_path) == ["weights.pt"]


def test_a_model_that_cannot_infer_a_shape_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"model 'hungarian' cannot tell .* give the --model"):
        foreign.import_checkpoint(tmp_path / "weights.pt", tmp_path / "run", configure(discover().model("hungarian")))


# Source and destination


def test_a_missing_or_empty_source_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cannot read '.*nothing' \(No such file or directory\); give"):
        foreign.kind_of(tmp_path / "nothing")
    with pytest.raises(DataError, match="is empty; give"):
        foreign.import_data(write(tmp_path / "data", b""), tmp_path / "data.npz")
    with pytest.raises(DataError, match="is not a file; give"):
        foreign.kind_of(tmp_path)


def test_what_exists_is_never_overwritten(tmp_path, hnetgru):
    taken = write(tmp_path / "taken.npz", b"precious")
    with pytest.raises(ConfigError, match=r"taken.npz' already exists"):
        foreign.import_data(tmp_path / "data", taken)
    with pytest.raises(ConfigError, match="already exists"):
        foreign.import_checkpoint(tmp_path / "weights.pt", tmp_path, hnetgru)
    with pytest.raises(ConfigError, match="is not a folder to write in"):
        foreign.import_data(tmp_path / "data", taken / "data.npz")
    with pytest.raises(ConfigError, match=r"does not end in \.npz"):
        foreign.import_data(tmp_path / "data", tmp_path / "data.csv")
    assert taken.read_bytes() == b"precious"


def test_a_failed_write_leaves_no_part_of_a_run(tmp_path, hnetgru, module, monkeypatch):
    def fail(path: Path, tensors: object) -> None:
        raise OSError("disk full")

    torch.save(module.state_dict(), tmp_path / "weights.pt")
    monkeypatch.setattr(foreign, "save_tensors", fail)
    with pytest.raises(OSError, match="disk full"):
        foreign.import_checkpoint(tmp_path / "weights.pt", tmp_path / "run", hnetgru)
    assert os.listdir(tmp_path) == ["weights.pt"]


# The command


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(import_command)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_command_says_what_it_wrote_and_what_to_type_next(tmp_path, command):
    source, out = write(tmp_path / "data", pickle.dumps(entries())), tmp_path / "data.npz"
    assert re.search(
        rf"wrote 7 problems of 2 x 3 to {out}\nnext: hnetzoo train .*={out}", command(source, "--out", out).output
    )


def test_command_prints_one_document(tmp_path, command):
    source, out = tmp_path / "weights.pt", tmp_path / "run"
    torch.save(load_model("hnetgru", weights=None).state_dict(), source)
    document = json.loads(command(source, "--out", out, "--json").stdout)
    assert document == {
        "kind": "checkpoint",
        "source": str(source),
        "out": str(out),
        "model": "hnetgru",
        "shape": [2, 2],
        "sha256": read_run(out).source["sha256"],
    }
