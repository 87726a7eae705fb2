"""How a model enters a task: with the weights that it has, tuned on the validation split, or trained for it.

A contestant says what it is before it does any work, so that a finished cell is found without.
"""

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.counts import compare
from hnetzoo.association.decoding import decode
from hnetzoo.association.prediction import predict
from hnetzoo.benchmark.suite import ModelEntry
from hnetzoo.benchmark.tasks import Task
from hnetzoo.digests import digest_document, digest_sources, digest_tensors
from hnetzoo.registry.components import configure
from hnetzoo.registry.loading import RUN_PREFIX, LoadedModel, resolve_model, specification
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import Spec
from hnetzoo.training.fit import Job, train
from hnetzoo.training.observer import Observer

CORE = "hnetzoo"
FIXED_SIZE = "fixed-size"
SHOWN_DIGITS = 8  # of the recipe's digest, in the name of a run directory


class Contestant(ABC):
    """A model on a task."""

    misfit = ""
    """Why it cannot take the task's problems, "" if it can."""

    def __init__(self, entry: ModelEntry, task: Task, registry: Registry, device: str) -> None:
        self.entry, self.task, self.registry, self.device = entry, task, registry, device
        self.spec = specification(entry.name, registry)

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that the model's numbers depend on but the core's code and the versions."""

    @abstractmethod
    def load(self) -> LoadedModel:
        """Return the model, ready to be evaluated."""

    def _identity(self, specs: tuple[Spec, ...] = (), **parts: Any) -> dict[str, Any]:
        """Add what contestants have in common to the identity of one."""
        return {
            "model": self.spec.name,
            **parts,
            "task": self.task.identity,
            "device": self.device.partition(":")[0],
            "sources": _sources((self.spec, self.task.component.spec, *specs), self.registry),
        }


class Ready(Contestant):
    """With the weights that it has; its tuned settings are those of the best F1 on the validation split."""

    def __init__(self, entry: ModelEntry, task: Task, registry: Registry, device: str) -> None:
        super().__init__(entry, task, registry, device)
        self.loaded = [self._resolve(choice) for choice in entry.choices]
        shape = self.loaded[0].shape
        if FIXED_SIZE in self.spec.tags and shape not in (None, tuple(task.dataset.shape)):
            self.misfit = f"n/a (fixed {' x '.join(map(str, shape or ()))})"

    @property
    def identity(self) -> dict[str, Any]:
        """Settings and weights of each choice, and what chooses."""
        return self._identity(
            settings=[loaded.component.config.model_dump(mode="json") for loaded in self.loaded],
            weights=digest_tensors(self.loaded[0].module.state_dict()),
            data=self.task.identity_of("validation") if self.entry.tune else {},
        )

    def load(self) -> LoadedModel:
        """Choose; the first of equals."""
        if not self.entry.tune:
            return self.loaded[0]
        scores = [self._f1(loaded, self.task.validation) for loaded in self.loaded]
        best = scores.index(max(scores))
        chosen = ", ".join(f"{name}={value}" for name, value in self.entry.choices[best].items())
        origin = self.loaded[best].weights
        prefix = "" if origin == "none" else f"{origin}, "
        return replace(self.loaded[best], weights=f"{prefix}tuned: {chosen}")

    def _resolve(self, choice: dict[str, Any]) -> LoadedModel:
        settings = {**self.entry.settings, **choice}
        return resolve_model(self.entry.name, self.registry, shape=self.task.dataset.shape, settings=settings)

    def _f1(self, loaded: LoadedModel, batch: AssociationBatch) -> float:
        logits = predict(loaded.module.to(self.device), batch, self.device).logits
        return compare(decode(logits, batch.row_mask, batch.col_mask), batch).total().f1


class Trained(Contestant):
    """Trained on the task; a finished or interrupted training of the same recipe is taken up.

    Args:
        entry: The model as the suite names it.
        task: What it is trained on.
        registry: Where names are looked up.
        device: Where it is trained.
        runs: Where run directories are kept.
        observer: Is told of the training.
    """

    def __init__(
        self, entry: ModelEntry, task: Task, registry: Registry, device: str, runs: Path, observer: Observer
    ) -> None:
        super().__init__(entry, task, registry, device)
        self.model = configure(self.spec, entry.settings)
        self.trainer = configure(registry.trainer(self.spec.trainer), entry.trainer)
        self.runs, self.observer = runs, observer

    @property
    def identity(self) -> dict[str, Any]:
        """Settings of model and trainer, and what trains and selects."""
        return self._identity(
            (self.trainer.spec,),
            settings=self.model.config.model_dump(mode="json"),
            trainer=self.trainer.spec.name,
            training=self.trainer.config.model_dump(mode="json"),
            data=self.task.identity_of("train", "validation"),
        )

    def load(self) -> LoadedModel:
        """Train, in a run directory whose name tells the recipe."""
        recipe = digest_document(self.identity)[:SHOWN_DIGITS]
        name = f"{self.spec.name}-{self.task.component.spec.name}-seed{self.task.seed}-{recipe}"
        job = Job(
            model=self.model,
            dataset=self.task.component,
            trainer=self.trainer,
            out=self.runs / name,
            seed=self.task.seed,
            device=self.device,
            resume=True,
            plugin=self.registry.provider(self.spec).id,
        )
        threads = torch.get_num_threads()
        try:
            train(job, self.observer)
        finally:
            torch.set_num_threads(threads)  # a training that is taken up sets those that it was begun with
        return replace(resolve_model(f"{RUN_PREFIX}{job.out}", self.registry), weights=f"trained: {name}")


def _sources(specs: tuple[Spec, ...], registry: Registry) -> dict[str, str]:
    """Digest the packages that provide these, so that editing a file makes it another recipe."""
    targets = {target for spec in specs for target in (spec.target, spec.config, registry.provider(spec).target)}
    packages = {target.partition(":")[0].partition(".")[0] for target in targets} - {CORE}
    return {package: digest_sources(package) for package in sorted(packages)}
