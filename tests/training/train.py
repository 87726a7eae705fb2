"""Train small models as the command does, and read what a run directory holds."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

import hnetzoo
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import JobRunner, Options
from hnetzoo.benchmark.plan import Entrant, Task, plan_jobs
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.resolution import ResolvedModel
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer
from hnetzoo.training.weights import load_tensors

REGISTRY = hnetzoo.discover()
TINY = {"samples": [20, 40, 60], "resolutions_deg": [5, 10]}
SMALL = {"batch_size": 32, "learning_rate": 0.01}


class Trained(NamedTuple):
    """The record of the last epoch, and the row of the test split."""

    last: EpochRecord
    test: BenchmarkRow


def train(
    out: Path,
    observer: Observer | None = None,
    *,
    epochs: int = 3,
    seed: int = 0,
    model: Component[hnetzoo.ModelSpec] | None = None,
    dataset: Component[hnetzoo.DatasetSpec] | None = None,
    trainer: Component[hnetzoo.TrainerSpec] | None = None,
    registry: hnetzoo.Registry = REGISTRY,
    **options: bool | str,
) -> Trained:
    """Return the results of a training as the command runs it."""
    model = model or configure(REGISTRY.model("hnetgru"), {"hidden_size": 16})
    dataset = dataset or configure(REGISTRY.dataset("doa-reference"), TINY)
    trainer = trainer or configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": epochs})
    entrant = Entrant(title="mine", choices=(ResolvedModel(component=model),), trainer=trainer)
    job = plan_jobs([entrant], [Task(title="tiny", dataset=dataset)], [seed], registry).jobs[0]
    settings = TrainingOptions(**{"out": out, "resume": False, **options})  # type: ignore[arg-type]
    outcome = JobRunner(Options(training=settings), lambda: observer or NullObserver()).outcome(job)
    assert outcome.last_epoch is not None
    assert isinstance(outcome.result, BenchmarkRow)
    return Trained(outcome.last_epoch, outcome.result)


def weights(run: Path, name: str = "best.safetensors") -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in load_tensors(run / name).items()}


def final_state(run: Path) -> dict[str, bytes]:
    newest = sorted((run / "checkpoints").iterdir())[-1]
    return weights(newest, "tensors.safetensors")


def metrics(run: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


class Recorder(NullObserver):
    """An observer that keeps the records, and may interrupt training after some epochs."""

    def __init__(self, die_after: int | None = None) -> None:
        self.records: list[EpochRecord] = []
        self.steps = 0
        self.die_after = die_after

    def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
        self.steps += 1
        if self.die_after is not None and epoch > self.die_after:
            raise KeyboardInterrupt

    def finished_epoch(self, record: EpochRecord) -> None:
        self.records.append(record)


def acme_trainer(acme: hnetzoo.Registry, name: str, epochs: int = 3) -> Component[hnetzoo.TrainerSpec]:
    return configure(acme.trainer(name), {"epochs": epochs, "batch_size": 64})
