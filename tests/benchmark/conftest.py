"""A plugin with models that behave and models that meddle, and a dataset that counts how often it is drawn."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import JobRunner, Options, Outcome
from hnetzoo.benchmark.plan import Job, plan
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite

ACME = """
import os
import random
import numpy as np
import torch
import hnetzoo

class NearConfig(hnetzoo.Config):
    gate: float = 0.5
    raises: str = ""

class Near(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.config = config

    def forward(self, distance, row_mask=None, col_mask=None):
        if self.config.raises:
            raise {"RuntimeError": RuntimeError, "MemoryError": MemoryError, "DataError": hnetzoo.DataError,
                   "KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit,
                   "GeneratorExit": GeneratorExit}[self.config.raises]("no\\n  luck")
        return self.config.gate - distance

class MeddlesConfig(hnetzoo.Config):
    with_: str = ""

MEDDLING = {
    "distance": lambda distance, row_mask: distance.clamp_(min=0.4),
    "mask": lambda distance, row_mask: row_mask.fill_(False),
    "torch": lambda distance, row_mask: torch.manual_seed(1),
    "numpy": lambda distance, row_mask: np.random.seed(1),
    "python": lambda distance, row_mask: random.seed(1),
    "threads": lambda distance, row_mask: torch.set_num_threads(2),
    "type": lambda distance, row_mask: torch.set_default_dtype(torch.float64),
    "folder": lambda distance, row_mask: os.chdir("/"),
    "nan": lambda distance, row_mask: None,
}

class Meddles(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        torch.rand(1)
        self.config = config

    def forward(self, distance, row_mask=None, col_mask=None):
        MEDDLING[self.config.with_](distance, row_mask)
        logits = 0.5 - distance.float()
        return logits / 0 if self.config.with_ == "nan" else logits

class Learns(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.gate = torch.nn.Parameter(torch.rand(()))

    def forward(self, distance, row_mask=None, col_mask=None):
        return self.gate - distance

class DriftConfig(hnetzoo.Config):
    test_gate: float = 0.7
    validation_gate: float = 0.3
    broken: bool = False

class Drift:
    unit, shape, loads = "metres", (1, 1), []

    def __init__(self, config):
        self.config = config

    def load(self, split, seed):
        Drift.loads.append(split)
        if self.config.broken:
            raise hnetzoo.DataError("no luck with this file")
        gate = self.config.validation_gate if split == "validation" else self.config.test_gate
        distance = torch.rand(200, 1, 1, generator=torch.Generator().manual_seed(seed))
        return hnetzoo.AssociationBatch.with_full_masks(distance, distance < gate)

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="near", summary="", target="acme_zoo:Near", config="acme_zoo:NearConfig",
                              tags={"non-learned"}),
            hnetzoo.ModelSpec(name="meddles", summary="", target="acme_zoo:Meddles", config="acme_zoo:MeddlesConfig",
                              tags={"non-learned"}),
            hnetzoo.ModelSpec(name="learns", summary="", target="acme_zoo:Learns", config="hnetzoo:Config")]

@hnetzoo.hookimpl
def hnetzoo_datasets():
    return [hnetzoo.DatasetSpec(name="drift", summary="", target="acme_zoo:Drift", config="acme_zoo:DriftConfig")]
"""

Run = Callable[..., Outcome]


@pytest.fixture
def acme(fake_distribution: Callable[..., Path]) -> Path:
    """Install the plugin, and return the file of its code."""
    return fake_distribution("acme-zoo", ACME).parent / "acme_zoo.py"


@pytest.fixture
def jobs_of(acme: Path) -> Callable[..., list[Job]]:
    """Return a function that plans the jobs of models on a dataset."""

    def call(*models: ModelEntry, dataset: Entry | None = None, seed: int = 0, data: Path = Path()) -> list[Job]:
        suite = Suite(models=models, datasets=(dataset or Entry(name="drift"),), seeds=(seed,))
        return list(plan(suite, hnetzoo.discover(), data).jobs)

    return call


@pytest.fixture
def run(jobs_of: Callable[..., list[Job]], tmp_path: Path) -> Run:
    """Return a function that runs a job as a new process would, with a cache and a folder for trainings."""

    def call(
        model: ModelEntry,
        dataset: Entry | None = None,
        seed: int = 0,
        training: dict[str, object] | None = None,
        **options: object,
    ) -> Outcome:
        trained = TrainingOptions(**{"runs": tmp_path / "runs", **(training or {})})  # type: ignore[arg-type]
        chosen = replace(Options(cache=tmp_path / "rows", training=trained), **options)  # type: ignore[arg-type]
        (job,) = jobs_of(model, dataset=dataset, seed=seed, data=chosen.data)
        return JobRunner(chosen).run(job)

    return call
