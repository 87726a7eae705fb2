"""Files of every kind damaged, and the command that reads them: refused, repaired from what is whole, or read as they are.

Weights, run records and cards are refused; a damaged checkpoint or kept row is done without, and the results are those of
whole files; problems, settings and other people's files may become other valid ones, and must not break the command.
"""

import json
import pickle
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch

from tests.campaign.command import Outcome, forked
from tests.campaign.damage import BYTES, damaged
from tests.campaign.faults import Operations
from tests.campaign.kills import BENCHMARK, TRAIN, rows_of
from tests.campaign.packages import carded_package, on_path
from tests.campaign.trial import Case, Trial, spread
from tests.legacy.pickles import entries

Judge = Callable[[Trial, Outcome, Path], object]
Make = Callable[[Path], object]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file.

    Fields:
        make: Writes it, and all that the command needs, into an empty folder.
        files: Patterns of the files to damage.
        command: What reads them.
        judge: Notes what is wrong with the outcome, beyond what is wrong with any.
        form: "json" and "text" are damaged inside too.
        share: Of all cases.
    """

    make: Make
    files: tuple[str, ...]
    command: tuple[str, ...]
    judge: Judge
    share: float
    form: str = ""


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield about `count` cases, over all kinds of files and ways to damage them."""
    for name, kind in KINDS_OF_FILES.items():
        made(name)  # before the processes fork
        ways = [*BYTES, *([kind.form] * (len(BYTES) if kind.form == "json" else 4) if kind.form else [])]
        for number, how in enumerate(spread(max(1, round(kind.share * count)), ways)):
            yield Case(f"{name} {number}: {how}", partial(_check, name=name, how=how, seed=f"{seed} {name} {number}"))


@cache
def made(name: str) -> Path:
    """Return a folder with a whole file of a kind, and all that its command needs."""
    folder = Path(tempfile.mkdtemp())
    KINDS_OF_FILES[name].make(folder)
    return folder


def _check(trial: Trial, name: str, how: str, seed: str) -> None:
    kind, rng = KINDS_OF_FILES[name], random.Random(seed)
    shutil.copytree(made(name), trial.folder, dirs_exist_ok=True)
    path = rng.choice(sorted(path for pattern in kind.files for path in trial.folder.glob(pattern)))
    path.write_bytes(damaged(path.read_bytes(), how, rng))
    outcome = trial.run(*kind.command, before=lambda: on_path(trial.folder / "site"))
    kind.judge(trial, outcome, path)


def _refused(trial: Trial, outcome: Outcome, path: Path) -> None:
    """The file was refused, or says the same as before, like JSON with another space in it."""
    whole = made_like(trial, path)
    same = path.suffix == ".json" and _loaded(path) == _loaded(whole)
    trial.require(
        outcome.code == 4 or same, "accepted", f"{path.name} was damaged, and the command ended with {outcome.code}"
    )


def _loaded(path: Path) -> object:
    """Return a JSON document without its digest, which may be missing; the path itself where it is none."""
    try:
        document = json.loads(path.read_bytes())
        return {key: value for key, value in document.items() if key != "digest"}
    except (ValueError, AttributeError, RecursionError):
        return path


def made_like(trial: Trial, path: Path) -> Path:
    """Return the whole file that a damaged one in the folder of a trial is a copy of."""
    relative = path.relative_to(trial.folder)
    return next(found for name in KINDS_OF_FILES if (found := made(name) / relative).is_file())


def _resumed(trial: Trial, outcome: Outcome, path: Path) -> None:
    """The training went on from a whole checkpoint to the bits of an undisturbed one."""
    weights = trial.folder / "r" / "best.safetensors"
    same = outcome.code == 0 and weights.read_bytes() == (made("run") / "r" / "best.safetensors").read_bytes()
    trial.require(
        same or outcome.code == 4, "accepted", f"{path.name} was damaged, and the training went on to other weights"
    )


def _recomputed(trial: Trial, outcome: Outcome, path: Path) -> None:
    """The rows are those of whole files."""
    same = outcome.code == 0 and rows_of(trial.folder / "b.json") == rows_of(made("cell") / "b.json")
    trial.require(same, "accepted", f"the kept row {path.name} was damaged, and the report is another")


def _any(trial: Trial, outcome: Outcome, path: Path) -> None:
    """What remained was read, or refused in a line."""


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


USE_RUN, USE_CARD = ("associate", "run:r", "d.npy"), ("associate", "carded", "d.npy")
OF_DOAS = ("generate", "doa-csv", "--set", "dataset.reference=reference.txt", "--set", "dataset.predicted=predicted.txt",
           "--out", "o.npz")  # fmt: skip
KINDS_OF_FILES = {
    "weights": Kind(make=_trained, files=("r/best.safetensors",), command=USE_RUN, judge=_refused, share=0.15),
    "run": Kind(make=_trained, files=("r/run.json",), command=USE_RUN, judge=_refused, form="json", share=0.15),
    "checkpoint": Kind(
        make=_interrupted, files=("r/checkpoints/*/*",), command=(*TRAIN, "--resume"), judge=_resumed, share=0.1
    ),
    "card": Kind(make=_carded, files=("site/carded/w.json",), command=USE_CARD, judge=_refused, form="json", share=0.1),
    "shipped weights": Kind(
        make=_carded, files=("site/carded/w.safetensors",), command=USE_CARD, judge=_refused, share=0.08
    ),
    "cell": Kind(make=_kept, files=("kept/rows/*.json",), command=BENCHMARK, judge=_recomputed, form="json", share=0.1),
    "result": Kind(
        make=_trained, files=("r/result.json", "r/metrics.jsonl"), command=("show", "run:r"), judge=_any, share=0.03
    ),
    "finished": Kind(make=_trained, files=("r/*.json*",), command=(*TRAIN, "--resume"), judge=_any, share=0.03),
    "npz": Kind(make=_problems, files=("d.npz",), command=("associate", "hungarian", "d.npz"), judge=_any, share=0.05),
    "npy": Kind(make=_problems, files=("d.npy",), command=("associate", "hungarian", "d.npy"), judge=_any, share=0.04),
    "csv": Kind(
        make=_problems,
        files=("d.csv",),
        command=("associate", "hungarian", "d.csv"),
        judge=_any,
        form="text",
        share=0.04,
    ),
    "suite": Kind(
        make=_settings,
        files=("s.toml",),
        command=("benchmark", "--suite", "s.toml"),
        judge=_any,
        form="text",
        share=0.04,
    ),
    "config": Kind(
        make=_settings,
        files=("c.toml",),
        command=("train", "hnetgru", "--config", "c.toml", "--dry-run"),
        judge=_any,
        form="text",
        share=0.02,
    ),
    "directions": Kind(
        make=_observations, files=("reference.txt",), command=OF_DOAS, judge=_any, form="text", share=0.03
    ),
    "boxes": Kind(
        make=_observations,
        files=("det.txt",),
        command=("track", "det.txt", "--model", "hungarian", "--out", "t.txt"),
        judge=_any,
        form="text",
        share=0.02,
    ),
    "original data": Kind(
        make=_originals, files=("old.pkl",), command=("import", "old.pkl", "--out", "o.npz"), judge=_any, share=0.01
    ),
    "original weights": Kind(
        make=_originals, files=("old.pt",), command=("import", "old.pt", "--out", "o"), judge=_any, share=0.01
    ),
}
