"""Files made to run code, to exhaust the machine, or to never end, where every command would read one."""

import io
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch

from tests.campaign.command import forked
from tests.campaign.kills import TRAIN
from tests.campaign.trial import Case, Trial, evenly
from tests.legacy.test_hostile_files import HOSTILE, Call

Make = Callable[[Path], object]
RUN_FILES = ("run.json", "best.safetensors")
COMMANDS = {  # reading the file h
    "h.npz": ("associate", "hungarian", "h.npz"),
    "h.npy": ("associate", "hungarian", "h.npy"),
    "h.csv": ("associate", "hungarian", "h.csv"),
    "h.toml": ("benchmark", "--suite", "h.toml"),
    "c.toml": ("train", "hnetgru", "--config", "c.toml", "--dry-run"),
    "h.txt": ("track", "h.txt", "--model", "hungarian", "--out", "t.txt"),
    "h.pkl": ("import", "h.pkl", "--out", "o.npz"),
    "h.pt": ("import", "h.pt", "--out", "o"),
}


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield up to `count` cases, evenly chosen."""
    yield from evenly(count, [*_pickles(), *_endless(), *_bombs(), *_runs()])


def _pickles() -> Iterator[Case]:
    """Yield pickles in every place where somebody else's reader would load one."""
    for name, (content, _) in HOSTILE.items():
        yield _case(f"data pickle: {name}", "h.pkl", lambda path, content=content: path.write_bytes(content))
    touch = Call(os.system, "touch executed")
    for new in (False, True):
        yield _case("checkpoint", "h.pt", partial(_save, touch, new=new))
    yield _case("array of objects", "h.npy", lambda path: np.save(path, np.array([touch], dtype=object)))
    yield _case("arrays of objects", "h.npz", lambda path: np.savez(path, distance=np.array([touch], dtype=object)))
    yield _case("pickle called npy", "h.npy", lambda path: path.write_bytes(pickle.dumps(touch)))
    yield _case("pickle called npz", "h.npz", lambda path: path.write_bytes(pickle.dumps(touch)))


def _endless() -> Iterator[Case]:
    """Yield pipes, devices, folders and links in circles in place of each file."""
    for name in COMMANDS:
        yield _case("pipe", name, os.mkfifo)
        yield _case("endless device", name, lambda path: path.symlink_to("/dev/zero"))
    for name in ("h.npz", "h.toml", "h.pkl"):
        yield _case("folder", name, Path.mkdir)
        yield _case("link to itself", name, lambda path: path.symlink_to(path.name))


def _bombs() -> Iterator[Case]:
    """Yield small files that ask for much memory or time."""
    yield _case(
        "zip bomb",
        "h.npz",
        lambda path: _zip(path, "distance.npy", _header((1 << 14, 1 << 9, 1 << 9)) + bytes(1 << 28)),
    )
    yield _case(
        "array of 2^60 numbers",
        "h.npy",
        lambda path: path.write_bytes(_header((1 << 20, 1 << 20, 1 << 20)) + bytes(64)),
    )
    yield _case("negative sizes", "h.npy", lambda path: path.write_bytes(_header((-1, 2, 2)) + bytes(64)))
    yield _case(
        "code in a header", "h.npy", lambda path: path.write_bytes(_npy(b"__import__('os').system('touch executed')"))
    )
    yield _case(
        "many arrays",
        "h.npz",
        lambda path: _zip(path, *(f"a{k}.npy" for k in range(20000)), content=_header((1,)) + bytes(4)),
    )
    yield _case("brackets", "h.toml", lambda path: path.write_text("a = " + "[" * 100_000))
    yield _case("brackets", "c.toml", lambda path: path.write_text("[model]\na = " + "[" * 100_000))
    yield _case("digits", "h.toml", lambda path: path.write_text("seeds = [" + "9" * 100_000 + "]"))
    yield _case("long line", "h.csv", lambda path: path.write_text("1," * 2_000_000))
    yield _case("many lines", "h.txt", lambda path: path.write_text("1,-1,1,1,1,1,1\n" * 300_000))
    yield _case("frame numbers", "h.txt", lambda path: path.write_text(f"1,1,1,1,1,1,1\n{10**12},1,1,1,1,1,1\n"))


def _runs() -> Iterator[Case]:
    """Yield run directories whose files are hostile."""
    contents = {
        "pickle": pickle.dumps(Call(os.system, "touch executed")),
        "deep": b'{"a":' * 100_000,
        "header of 2^62 bytes": struct.pack("<Q", 1 << 62) + b"{}",
        "digits": b'{"seed": ' + b"9" * 100_000 + b"}",
        "a name outside": b'{"model": "../../etc/passwd", "shape": [2, 2], "settings": {}}',
    }
    for name in RUN_FILES:
        for label, content in contents.items():
            yield Case(
                f"{label} as {name}",
                partial(_run, name=name, make=lambda path, content=content: path.write_bytes(content)),
            )
        for label, make in (("pipe", os.mkfifo), ("device", lambda path: path.symlink_to("/dev/zero"))):
            yield Case(f"{label} as {name}", partial(_run, name=name, make=make))


def _case(label: str, name: str, make: Make) -> Case:
    def check(trial: Trial) -> None:
        make(trial.folder / name)
        outcome = trial.run(*COMMANDS[name], environment={"TMPDIR": str(trial.folder)})
        trial.require(
            outcome.code in (2, 4, 5) or label == "many lines", "accepted", f"{label} in {name}: {outcome.code}"
        )

    return Case(f"{label} as {name}", check)


def _run(trial: Trial, name: str, make: Make) -> None:
    assert forked(trial.folder, TRAIN).code == 0
    (trial.folder / "r" / name).unlink()
    make(trial.folder / "r" / name)
    np.save(trial.folder / "d.npy", np.zeros((1, 2, 2), np.float32))
    for command in (("associate", "run:r", "d.npy"), ("show", "run:r"), (*TRAIN, "--resume")):
        outcome = trial.run(*command)
        trial.require(outcome.code != 0 or command[0] != "associate", "accepted", f"a hostile {name} was used")


def _save(value: object, path: Path, *, new: bool) -> None:
    torch.save({"fc1.bias": value}, path, _use_new_zipfile_serialization=new)


def _npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def _header(shape: tuple[int, ...]) -> bytes:
    return _npy(repr({"descr": "<f4", "fortran_order": False, "shape": shape}).encode() + b"\n")


def _zip(path: Path, *names: str | bytes, content: bytes | None = None) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        if content is None:
            name, content = names
            names = (name,)
        for name in names:
            archive.writestr(str(name), content)
    path.write_bytes(stream.getvalue())
