"""Trainings in one, two and four processes side by side: python -m tests.training.together.

The loss is no sum over problems, batches do not divide evenly, a parameter is never used, and steps accumulate batches.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo.association.prediction import evaluating
from hnetzoo.training.group import joined
from hnetzoo.training.observer import NullObserver
from hnetzoo.training.ranks import Ranks
from tests.training.direct import fit_directly

BATCH, EPOCHS, ACCUMULATE, PATIENCE = 7, 12, 2, 3
Record = dict[str, Any]


class Network(nn.Module):
    """Logits of a pair from its distance and the mean of its row, in float64."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.into = nn.Parameter(torch.randn(2, 8, dtype=torch.float64, generator=generator))
        self.out = nn.Parameter(torch.randn(8, 1, dtype=torch.float64, generator=generator))
        self.unused = nn.Parameter(torch.ones(3, dtype=torch.float64))

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        features = torch.stack((distance, distance.mean(2, keepdim=True).expand_as(distance)), -1)
        return (torch.tanh(features @ self.into) @ self.out).squeeze(-1)


class BalancedTrainer:
    """A loss whose weights are shares of the whole batch, and noise of the trainer's own."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        if model.training:
            self.seen.append(float(batch.distance[:, 0, 0] @ torch.arange(1.0, len(batch.distance) + 1).double()))
        noise = 0.01 * torch.rand(batch.distance.shape, dtype=torch.float64) if model.training else 0.0
        logits, truth = model(batch.distance + noise, batch.row_mask, batch.col_mask), batch.association.double()
        share = (truth * logits.detach().sigmoid()).mean()
        wrong = nn.functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        return {"balanced": (wrong * (truth * (1 - share) + share)).mean()}

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        return hnetzoo.one_cycle(model, total_steps, learning_rate=0.05, largest_gradient=1.0)


class Steps(NullObserver):
    """An observer that keeps the losses of every step."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
        self.losses.append(float(losses["balanced"]))


def train_as(ranks: Ranks, folder: Path) -> Record:
    """Return what a process sees of a training: the order of problems, losses of steps, weights, and the last epoch."""
    trainer, steps = BalancedTrainer(), Steps()
    settings = hnetzoo.TrainerConfig(epochs=EPOCHS, batch_size=BATCH, accumulate=ACCUMULATE, patience=PATIENCE)
    with joined(ranks, "cpu"):
        last, model = fit_directly(
            folder / f"run-{ranks.rank}", trainer, settings, model=Network(), observer=steps, ranks=ranks
        )
    written = (folder / f"run-{ranks.rank}" / "best.safetensors").exists()
    with evaluating(model):
        weights = torch.cat([parameter.flatten() for parameter in model.parameters()]).tolist()
    return {
        "seen": trainer.seen,
        "losses": steps.losses,
        "weights": weights,
        "epochs": last.epoch,
        "best": last.best_epoch,
        "f1": last.validation["f1"],
        "written": written,
        "threads": threads_of_gloo(),
    }


def threads_of_gloo() -> list[str]:
    """Return the names of this process's threads that still serve other processes; none where there is no /proc."""
    names = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


def train_together(processes: int, folder: Path) -> list[Record]:
    """Return what each of several processes sees of a training."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    shared = {**os.environ, "WORLD_SIZE": str(processes), "MASTER_ADDR": "localhost", "MASTER_PORT": port,
              "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}  # fmt: skip
    command = [sys.executable, "-m", "tests.training.together", str(folder)]
    running = [subprocess.Popen(command, env={**shared, "RANK": str(rank)}) for rank in range(processes)]
    assert [process.wait() for process in running] == [0] * processes
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(processes)]


def difference(one: Record, other: Record, name: str) -> float:
    """Return the largest difference of two lists of numbers, relative to the largest number."""
    a, b = (torch.tensor(record[name], dtype=torch.float64) for record in (one, other))
    return float((a - b).abs().max() / a.abs().max())


def main() -> None:
    """Compare one, two and four processes, or be one of them."""
    if len(sys.argv) > 1:
        ranks, folder = Ranks.of_this_process(), Path(sys.argv[1])
        torch.set_num_threads(1)
        (folder / f"rank-{ranks.rank}.json").write_text(json.dumps(train_as(ranks, folder)))
        return
    found = {}
    for processes in (1, 2, 4):
        with tempfile.TemporaryDirectory() as folder:
            found[processes] = train_together(processes, Path(folder))
    alone = found[1][0]
    for processes, records in found.items():
        same = all(record["seen"] == alone["seen"] for record in records)
        worst = {name: max(difference(alone, record, name) for record in records) for name in ("losses", "weights")}
        best = {record["best"] for record in records}
        print(f"{processes} processes: same order {same}, best epochs {best}, largest relative differences {worst}")


if __name__ == "__main__":
    main()
