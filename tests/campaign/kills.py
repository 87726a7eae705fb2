"""Commands killed at their file operations, trainings and benchmarks, workers and parents: nothing is lost or mixed."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.campaign.command import forked
from tests.campaign.faults import Operations
from tests.campaign.trial import Case, Trial
from tests.campaign.worker_fault import ARMED, killing_worker

SAMPLES = ("--set", "dataset.samples=[20,40,60]")
TRAIN = ("train", "hnetgru", "--dataset", "doa-reference", *SAMPLES, "--set", "model.hidden_size=8", "--epochs", "4",
         "--batch-size", "32", "--device", "cpu", "--out", "r")  # fmt: skip
BENCHMARK = ("benchmark", "--model", "greedy", "--model", "hungarian", "--dataset", "doa", "--seed", "0", "--seed", "1",
             "--set", "dataset.samples=300", "--runs", "kept", "--json", "b.json")  # fmt: skip
USE = ("benchmark", "--model", "run:r", "--dataset", "doa-reference", *SAMPLES)
PATIENCE_S = 60.0
SHARES = {"training": 0.45, "fresh": 0.25, "benchmark": 0.2, "worker": 0.05, "parent": 0.05}


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield about `count` cases, spread evenly over the file operations of each command; nothing is drawn."""
    checks = {"training": _training, "fresh": _fresh, "benchmark": _benchmark, "worker": _worker, "parent": _parent}
    totals = {"training": _train(0)[1], "fresh": _fresh_operations(), "benchmark": _rows()[1]}
    for name, share in SHARES.items():
        wanted = max(1, round(share * count))
        total = totals.get(name, totals["benchmark"])
        for number in range(wanted):
            at = 1 + number * total // wanted
            yield Case(f"{name} killed at operation {at} of {total}", partial(checks[name], at=at))


@cache
def _train(seed: int) -> tuple[bytes, int]:
    """Return the weights of a training that nothing disturbs, and how many file operations it has."""
    folder, operations = Path(tempfile.mkdtemp()), Operations()
    outcome = forked(folder, (*TRAIN, "--seed", str(seed)), lambda: operations.install(folder))
    assert outcome.code == 0, outcome.err
    return (folder / "r" / "best.safetensors").read_bytes(), operations.count


def undisturbed_training(seed: int) -> bytes:
    """Return the weights of the training that nothing disturbs."""
    return _train(seed)[0]


def undisturbed_rows() -> list[dict[str, Any]]:
    """Return the rows of the benchmark that nothing disturbs."""
    return _rows()[0]


@cache
def _fresh_operations() -> int:
    """Return how many file operations a training has that deletes another one first."""
    folder, operations = Path(tempfile.mkdtemp()), Operations()
    assert forked(folder, (*TRAIN, "--seed", "0")).code == 0
    assert forked(folder, (*TRAIN, "--seed", "1", "--fresh"), lambda: operations.install(folder)).code == 0
    return operations.count


@cache
def _rows() -> tuple[list[dict[str, Any]], int]:
    """Return the rows of a benchmark that nothing disturbs, and how many file operations it has."""
    folder, operations = Path(tempfile.mkdtemp()), Operations()
    outcome = forked(folder, BENCHMARK, lambda: operations.install(folder))
    assert outcome.code == 0, outcome.err
    return rows_of(folder / "b.json"), operations.count


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a benchmark document without their times."""
    rows: list[dict[str, Any]] = json.loads(path.read_text())["rows"]
    return [{key: row[key] for key in row.keys() - {"microseconds_per_problem", "timing"}} for row in rows]


def _kill(trial: Trial, at: int, *arguments: str) -> None:
    """Run a command that is killed at a file operation."""
    operations = Operations(at, "kill")
    outcome = trial.run(*arguments, before=lambda: operations.install(trial.folder), killed=True)
    trial.require(outcome.code == -signal.SIGKILL, "lost", f"operation {at} did not come: code {outcome.code}")


def _training(trial: Trial, at: int) -> None:
    """A killed training is resumed to the bits of an undisturbed one."""
    _kill(trial, at, *TRAIN)
    whole = any((trial.folder / "r").glob("checkpoints/epoch-*/manifest.json"))
    outcome = trial.run(*TRAIN, "--resume")
    trial.require(outcome.code == 0 or not whole, "lost", f"a checkpoint is there and is not resumed: {outcome.err}")
    if outcome.code != 0:
        outcome = trial.run(*TRAIN, "--fresh")
    _require_whole(trial, {_train(0)[0]}, f"after the training was killed at operation {at}: {outcome.err[-200:]}")


def _fresh(trial: Trial, at: int) -> None:
    """A training killed while it replaces another one leaves the weights of one of them, or none; never others."""
    trial.run(*TRAIN, "--seed", "0")
    _kill(trial, at, *TRAIN, "--seed", "1", "--fresh")
    trial.run(*USE)
    outcome = trial.run(*TRAIN, "--seed", "1", "--fresh")
    _require_whole(trial, {_train(1)[0]}, f"after --fresh was killed at operation {at}: {outcome.err[-200:]}")


def _require_whole(trial: Trial, weights: set[bytes], when: str) -> None:
    """Note a finding unless the run directory has these weights, can be used, and holds no temporary files."""
    path = trial.folder / "r" / "best.safetensors"
    found = path.read_bytes() if path.is_file() else b""
    trial.require(found in weights, "lost", f"other weights than those of an undisturbed training {when}")
    trial.require(trial.run(*USE).code == 0, "lost", f"a run that cannot be used {when}")
    left = [path.name for path in (trial.folder / "r").rglob("*.tmp")]
    trial.require(not left, "lost", f"temporary files {left} {when}")


def _benchmark(trial: Trial, at: int) -> None:
    """A killed benchmark is continued to the rows of an undisturbed one."""
    _kill(trial, at, *BENCHMARK)
    _require_rows(trial, trial.run(*BENCHMARK).code, f"after a benchmark was killed at operation {at}")


def _worker(trial: Trial, at: int) -> None:
    """A benchmark survives the loss of a worker."""
    environment = killing_worker(trial.folder, at=1 + at % 6)
    outcome = trial.run_fresh(*BENCHMARK, "--jobs", "2", environment=environment)
    trial.require((trial.folder / ARMED).exists(), "lost", "no worker was killed")
    _require_rows(trial, outcome.code, f"after a worker was killed: {outcome.err[-200:]}")


def _parent(trial: Trial, at: int) -> None:
    """A benchmark whose parent is killed leaves no worker behind, and is continued to the same rows."""
    rows = at % 4

    def kill(pid: int) -> None:
        began = time.monotonic()
        while len(list(trial.folder.glob("kept/rows/*.json"))) < rows and time.monotonic() - began < PATIENCE_S:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)

    outcome = trial.run_fresh(*BENCHMARK, "--jobs", "2", act=kill, killed=True)
    trial.require(outcome.code == -signal.SIGKILL, "lost", f"the parent was not killed: code {outcome.code}")
    _require_rows(trial, trial.run(*BENCHMARK).code, f"after the parent of workers was killed with {rows} rows done")


def _require_rows(trial: Trial, code: int, when: str) -> None:
    path = trial.folder / "b.json"
    same = code == 0 and path.is_file() and rows_of(path) == _rows()[0]
    trial.require(same, "lost", f"other rows than those of an undisturbed benchmark {when}")
