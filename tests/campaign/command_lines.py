"""Command lines drawn at random: right and wrong options, names and values, in every combination."""

import random
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tests.campaign.trial import Case, Trial

MODELS = ("hungarian", "hnetgru", "hnetgru@3", "exchangeable", "sinkhorn", "dual-softmax", "motion", "perturbed")
DATASETS = ("doa", "doa-reference", "doa-tracks", "lsap", "npz", "mot", "box-tracks", "mixture", "doa-csv")
ODD_NAMES = ("hnet", "run:r", "run:.", "run:", "run:nowhere", "hnetgru@none", "hnetgru@", "@", "", "é", "a\nb",
             "x" * 300, "../..", "-", "hnet gru", "HNETGRU", "\x1b[31m")  # fmt: skip
NAMES = (*MODELS, *DATASETS, *ODD_NAMES)
NUMBERS = ("0", "1", "2", "-1", "1.5", "1e3", "nan", "inf", "", "many", "9" * 30, "9" * 5000, "0x10", "²")
PATHS = ("d.npy", "d.npz", "d.csv", "c.toml", "o.npz", "o.csv", "r", "new", "link", "locked", "none", "no/where", ".",
         "..", "", "/", "/proc/self/mem", "/dev/null", "/root/../etc", "x" * 300)  # fmt: skip
SETTINGS = ("model.hidden_size=8", "model.gate=0.5", "model.gate=-1", "model.unmatched=never", "model.=1",
            "model.x.y=1", "trainer.learning_rate=nan", "trainer.epochs=1", "dataset.samples=100", "dataset.max_doas=3",
            "dataset.max_doas=0", "dataset.max_doas=1e9", "dataset.path=d.npz", "dataset.samples=[1,2",
            "dataset.sequences=[]", "dataset.samples=" + "[" * 3000, "=", "a", "a=b", ".x=1")  # fmt: skip
DEVICES = ("cpu", "cuda", "cuda:99", "meta", "abacus", "")
FLAG = ()
OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {
        **dict.fromkeys(("--dataset", "--trainer", "--init"), NAMES),
        **dict.fromkeys(("--epochs", "--batch-size", "--seed"), NUMBERS),
        **dict.fromkeys(("--out", "--config", "--html"), PATHS),
        **dict.fromkeys(("--resume", "--fresh", "--json"), FLAG),
        "--device": DEVICES,
        "--set": SETTINGS,
    },
    "benchmark": {
        **dict.fromkeys(("--model", "--dataset"), NAMES),
        **dict.fromkeys(("--suite", "--data", "--runs", "--json", "--markdown", "--latex", "--html"), PATHS),
        **dict.fromkeys(("--fresh", "--strict"), FLAG),
        "--seed": NUMBERS,
        "--device": DEVICES,
        "--set": SETTINGS,
    },
    "compare": {**dict.fromkeys(("--markdown", "--latex", "--csv", "--html"), PATHS), "--json": FLAG},
    "associate": {
        **dict.fromkeys(("--probabilities", "--certificate", "--costs", "--strict", "--json"), FLAG),
        "--out": PATHS,
        "--method": ("threshold", "one-to-one", "two"),
        "--device": DEVICES,
        "--set": SETTINGS,
    },
    "generate": {
        **dict.fromkeys(("--out", "--config"), PATHS),
        "--split": ("train", "test", "all", "dev"),
        "--seed": NUMBERS,
        "--set": SETTINGS,
        "--json": FLAG,
    },
    "track": {
        **dict.fromkeys(("--out", "--truth"), PATHS),
        **dict.fromkeys(("--patience", "--history", "--min-confidence", "--every"), NUMBERS),
        "--model": NAMES,
        "--distance": ("iou", "motion", "far"),
        "--set": SETTINGS,
        "--json": FLAG,
    },
    "show": {"--json": FLAG},
    "list": {"--json": FLAG},
    "new": {"--kind": ("model", "dataset", "trainer", "zoo")},
    "publish": {
        **dict.fromkeys(("--package", "--config", "--data"), PATHS),
        **dict.fromkeys(("--name", "--dataset"), NAMES),
        **dict.fromkeys(("--force", "--json"), FLAG),
        "--variant": ODD_NAMES,
        "--most-slots": NUMBERS,
    },
    "import": {"--out": PATHS, "--model": NAMES, "--json": FLAG},
    "doctor": {"--json": FLAG},
    "": {"--version": FLAG, "--help": FLAG, "--nothing": FLAG},
    "nothing": {},
}
ARGUMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "train": (NAMES,),
    "compare": ((*PATHS, *ODD_NAMES), (*PATHS, *ODD_NAMES)),
    "associate": (NAMES, PATHS),
    "generate": (NAMES,),
    "track": (PATHS,),
    "show": (NAMES,),
    "list": (("models", "datasets", "trainers", "plugins"),),
    "new": (("acme-net", *NAMES),),
    "publish": (PATHS,),
    "import": (PATHS,),
}
SMALL = ("--set", "dataset.samples=200")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` command lines."""
    rng = random.Random(f"command lines {seed}")
    commands = [name for name in OPTIONS for _ in range(1 + len(OPTIONS[name]))]
    for number in range(count):
        arguments = drawn(rng.choice(commands), rng)
        yield Case(f"line {number}: {' '.join(arguments)[:120]!r}", partial(_check, arguments=arguments))


def drawn(command: str, rng: random.Random) -> list[str]:
    """Return a command with arguments and options; what trains or generates is kept small."""
    line = [command] if command else []
    wanted = ARGUMENTS.get(command, ())
    line += [rng.choice(values) for values in (wanted if rng.random() < 0.95 else wanted[1:])]
    line += {"train": [*SMALL, "--epochs", "1"], "benchmark": SMALL, "generate": SMALL}.get(command, [])
    for option in rng.sample(list(OPTIONS[command]), k=min(len(OPTIONS[command]), rng.choice((0, 1, 1, 2, 3)))):
        line += [option, *([rng.choice(values)] if (values := OPTIONS[command][option]) else [])]
    if command == "benchmark" and "--model" not in line and "--suite" not in line:
        line += ["--model", "greedy"]
    if command == "train" and rng.random() < 0.6:
        line.append("--dry-run")
    return line


def _check(trial: Trial, arguments: Sequence[str]) -> None:
    _prepare(trial.folder)
    trial.run(*arguments)
    trial.require(Path("/dev/null").is_char_device(), "lost", "/dev/null is no device any more")


def _prepare(folder: Path) -> None:
    """Write files that the command lines name."""
    generator = np.random.default_rng(0)
    distance = generator.random((6, 2, 2), dtype=np.float32)
    np.save(folder / "d.npy", distance)
    np.savetxt(folder / "d.csv", distance[0], delimiter=",")
    np.savez(folder / "d.npz", distance=distance, association=np.broadcast_to(np.eye(2, dtype=bool), (6, 2, 2)))
    (folder / "c.toml").write_text("[model]\nhidden_size = 8\n")
    (folder / "link").symlink_to("nowhere")
    (folder / "locked").mkdir(mode=0o500)
