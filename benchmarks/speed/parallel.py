"""Compare an epoch of training in one process with one in two that share every batch.

    python benchmarks/speed/parallel.py

Every process has one thread. The time is that of `hnetzoo train`, of its second epoch, without validation.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
import typer
from measure import Repeats, Seconds, store

PROCESSES = (1, 2)
BATCHES = (("hnetgru", 256), ("hnetgru", 4096), ("exchangeable", 2048))  # a model, and the problems of a batch
SAMPLES = "[600,1000,3000]"  # of doa-reference, a fifth of its own
EPOCHS = 2


def epoch_seconds(model: str, batch_size: int, processes: int) -> float:
    """Return how long the last epoch of a training takes."""
    with TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, "-m", "hnetzoo", "train", model, "--dataset", "doa-reference", "--quiet",
             "--set", f"dataset.samples={SAMPLES}", "--epochs", str(EPOCHS), "--batch-size", str(batch_size),
             "--device", "cpu", "--processes", str(processes), "--out", f"{folder}/run"],
            env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        last = json.loads(Path(folder, "run", "metrics.jsonl").read_text().splitlines()[-1])
    seconds: float = last["seconds"]["train"]
    return seconds


def summary(seconds: list[float]) -> dict[str, float]:
    """Return the median and the range of some times."""
    return {"median": median(seconds), "lowest": min(seconds), "highest": max(seconds)}


def main(repeats: Repeats = 3) -> None:
    """Time an epoch of each model in one process and in two, in turn, and store the result."""
    torch.set_num_threads(1)
    cases: dict[str, Seconds] = {}
    for model, batch_size in BATCHES:
        case = f"{model}, batch {batch_size:,}"
        spent: dict[int, list[float]] = {processes: [] for processes in PROCESSES}
        for repeat in range(1, repeats + 1):
            for processes, seconds in spent.items():
                seconds.append(epoch_seconds(model, batch_size, processes))
                print(f"{case}: {repeat}/{repeats}: {processes} process(es) {seconds[-1]:.2f} s", flush=True)
        ways = {f"{processes} process{'es' * (processes > 1)}": summary(times) for processes, times in spent.items()}
        cases[case] = ways
    what = f"doa-reference with samples = {SAMPLES}, {os.cpu_count()} cores; of every process,"
    store("parallel", "One training epoch in one process and in two", what, cases)


if __name__ == "__main__":
    typer.run(main)
