"""Every kind of file that a command reads: how a whole one is made, and what becomes of a damaged one."""

import pickle
import random
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import numpy as np
import torch

from tests.campaign.command import forked
from tests.campaign.faults import Operations
from tests.campaign.kills import BENCHMARK, TRAIN, USE
from tests.campaign.packages import carded_package
from tests.legacy.pickles import entries


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Fields:
        make: Writes it, and all that the command needs, into an empty folder.
        files: Patterns of the files to damage.
        command: What reads them.
        damaged: What becomes of a damaged one: it is refused; done without, with the results of whole files ("resumed"
            trainings, "recomputed" rows); or read as far as it can be ("any").
        share: Of all cases.
        form: "json" and "text" are damaged inside too.
    """

    make: Callable[[Path], object]
    files: tuple[str, ...]
    command: tuple[str, ...]
    damaged: Literal["refused", "resumed", "recomputed", "any"]
    share: float
    form: Literal["bytes", "json", "text"] = "bytes"


@cache
def made(name: str) -> Path:
    """Return a folder with a whole file of a kind, and all that its command needs."""
    folder = Path(tempfile.mkdtemp())
    FILES[name].make(folder)
    return folder


def _trained(folder: Path) -> None:
    assert forked(folder, TRAIN).code == 0
    np.save(folder / "d.npy", np.random.default_rng(0).random((3, 2, 2), dtype=np.float32))


def _interrupted(folder: Path) -> None:
    """Leave a training that was killed after its third checkpoint."""
    counted = Operations()
    assert forked(Path(tempfile.mkdtemp()), TRAIN, lambda: counted.install(Path.cwd())).code == 0
    operations = Operations(round(0.8 * counted.count), "kill")
    assert forked(folder, TRAIN, lambda: operations.install(folder)).code == -9


def _kept(folder: Path) -> None:
    assert forked(folder, BENCHMARK).code == 0


def _compared(folder: Path) -> None:
    """Leave a training beside a copy of it, and a document with what became of each problem."""
    _trained(folder)
    shutil.copytree(folder / "r", folder / "s")
    assert forked(folder, (*USE, "--outcomes", "--json", "b.json")).code == 0


def _carded(folder: Path) -> None:
    carded_package(folder / "site")
    np.save(folder / "d.npy", np.random.default_rng(0).random((3, 2, 2), dtype=np.float32))


def _problems(folder: Path) -> None:
    generator = np.random.default_rng(0)
    distance = generator.random((20, 3, 3), dtype=np.float32)
    association = np.eye(3, dtype=bool)[generator.permuted(np.tile(np.arange(3), (20, 1)), axis=1)]
    np.savez(folder / "d.npz", distance=distance, association=association, row_mask=np.ones((20, 3), bool))
    np.save(folder / "d.npy", distance)
    np.savetxt(folder / "d.csv", distance[0], delimiter=",")


def _settings(folder: Path) -> None:
    models = 'models = ["greedy", { name = "hungarian-gated", tune = { gate = [0.5, 1.0] } }]'
    (folder / "s.toml").write_text(
        f'{models}\ndatasets = [{{ name = "doa", settings = {{ samples = 100 }} }}]\nseeds = [0]\n'
    )
    (folder / "c.toml").write_text("[model]\nhidden_size = 8\n[trainer]\nepochs = 2\nlearning_rate = 0.01\n")


def _observations(folder: Path) -> None:
    rng = random.Random(0)
    lines = [f"{frame},{rng.randrange(-180, 180)},{rng.randrange(-90, 90)}" for frame in range(40)]
    for name in ("reference", "predicted"):
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    boxes = [f"{1 + frame},-1,{10 + frame},{20 * box},30,60,0.9,-1,-1,-1" for frame in range(10) for box in range(3)]
    (folder / "det.txt").write_text("\n".join(boxes) + "\n")


def _originals(folder: Path) -> None:
    (folder / "old.pkl").write_bytes(pickle.dumps(entries()))
    torch.manual_seed(0)
    sizes = {"gru.weight_ih_l0": (24, 2), "gru.weight_hh_l0": (24, 8), "gru.bias_ih_l0": (24,), "gru.bias_hh_l0": (24,)}
    sizes |= {f"attn.conv_{letter}.weight": (8, 8, 1) for letter in "QKV"} | {"fc1.weight": (2, 8), "fc1.bias": (2,)}
    torch.save({name: torch.rand(size) for name, size in sizes.items()}, folder / "old.pt")


def _any(share: float, make: Callable[[Path], object], file: str, *command: str, text: bool = False) -> Kind:
    """Return a kind of file that may be damaged into another valid one."""
    form: Literal["bytes", "text"] = "text" if text else "bytes"
    return Kind(make=make, files=(file,), command=command, damaged="any", share=share, form=form)


def _refused(share: float, make: Callable[[Path], object], file: str, *command: str, json: bool = False) -> Kind:
    """Return a kind of file that is refused if it is damaged."""
    form: Literal["bytes", "json"] = "json" if json else "bytes"
    return Kind(make=make, files=(file,), command=command, damaged="refused", share=share, form=form)


_DIRECTIONS = ("--set", "dataset.reference=reference.txt", "--set", "dataset.predicted=predicted.txt")
FILES: Mapping[str, Kind] = MappingProxyType(
    {
        "weights": _refused(0.15, _trained, "r/best.safetensors", "associate", "run:r", "d.npy"),
        "run": _refused(0.13, _trained, "r/run.json", "associate", "run:r", "d.npy", json=True),
        "card": _refused(0.1, _carded, "site/carded/w.json", "associate", "carded", "d.npy", json=True),
        "shipped weights": _refused(0.08, _carded, "site/carded/w.safetensors", "associate", "carded", "d.npy"),
        "checkpoint": Kind(
            make=_interrupted,
            files=("r/checkpoints/*/*",),
            command=(*TRAIN, "--resume"),
            damaged="resumed",
            share=0.1,
        ),
        "kept row": Kind(
            make=_kept,
            files=("kept/rows/*.json",),
            command=BENCHMARK,
            damaged="recomputed",
            share=0.1,
            form="json",
        ),
        "result": _any(0.02, _compared, "r/result.json", "compare", "r", "s"),
        "metrics": _any(0.02, _compared, "r/metrics.jsonl", "compare", "r", "s"),
        "document": _any(0.02, _compared, "b.json", "compare", "b.json", "s"),
        "finished run": _any(0.02, _trained, "r/*.json*", *TRAIN, "--resume"),
        "npz": _any(0.05, _problems, "d.npz", "associate", "hungarian", "d.npz"),
        "npy": _any(0.04, _problems, "d.npy", "associate", "hungarian", "d.npy"),
        "csv": _any(0.04, _problems, "d.csv", "associate", "hungarian", "d.csv", text=True),
        "suite": _any(0.04, _settings, "s.toml", "benchmark", "--suite", "s.toml", text=True),
        "settings": _any(0.02, _settings, "c.toml", "train", "hnetgru", "--config", "c.toml", "--dry-run", text=True),
        "directions": _any(
            0.03, _observations, "reference.txt", "generate", "doa-csv", *_DIRECTIONS, "--out", "o.npz", text=True
        ),
        "boxes": _any(
            0.02, _observations, "det.txt", "track", "det.txt", "--model", "hungarian", "--out", "t.txt", text=True
        ),
        "original data": _any(0.01, _originals, "old.pkl", "import", "old.pkl", "--out", "o.npz"),
        "original weights": _any(0.01, _originals, "old.pt", "import", "old.pt", "--out", "o"),
    }
)
