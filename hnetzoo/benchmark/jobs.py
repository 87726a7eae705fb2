"""Run a cell of a benchmark: find it among the finished ones, or evaluate its model; what it raises stays in it."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import torch

from hnetzoo.benchmark.cache import CellStore
from hnetzoo.benchmark.entrants import CORE, Contestant, Ready, Trained
from hnetzoo.benchmark.results import BenchmarkRow, Failed, Skipped
from hnetzoo.benchmark.scoring import score
from hnetzoo.benchmark.suite import Cell
from hnetzoo.benchmark.tasks import Task
from hnetzoo.digests import digest_document, digest_sources
from hnetzoo.environment import versions
from hnetzoo.errors import ConfigError, HnetzooError, one_line
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.training.observer import Observer, Silence

WITHOUT_BEARING = ("cli", "report")  # subpackages of the core that can change no number
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Where and how cells are run: plain data that travels to workers.

    `data` is the folder that relative paths of datasets are seen from. `runs` keeps run directories, and finished cells
    in its folder "cells"; None keeps nothing, and then nothing can be trained. `fresh` computes finished cells anew.
    """

    device: str = "cpu"
    data: Path = Path()
    runs: Path | None = None
    fresh: bool = False

    @property
    def store(self) -> CellStore | None:
        """Where finished cells are kept."""
        return CellStore(self.runs / "cells") if self.runs else None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a cell.

    `key` names it among the finished ones, and `kept` says that it was found there; `sha256` and `problems` describe
    the test problems. All are empty where the cell failed before.
    """

    cell: Cell
    result: BenchmarkRow | Skipped | Failed
    key: str = ""
    kept: bool = False
    sha256: str = ""
    problems: int = 0


class CellRunner:
    """Run cells one after the other; the task of the last one is kept, as its problems serve all models."""

    def __init__(self, registry: Registry, options: Options, observer: Callable[[], Observer] = Silence) -> None:
        self.registry, self.options, self.observer = registry, options, observer
        self.task: Task | None = None

    def run(self, cell: Cell) -> Outcome:
        """Return the row of a cell, why it was skipped, or how it failed; an interrupt is not held up."""
        try:
            return self._outcome(cell)
        except Exception as error:
            _LOG.info("%s, seed %d: %s", cell.dataset.title, cell.seed, cell.model.title, exc_info=True)
            return failure(cell, error, self.options)

    def _outcome(self, cell: Cell) -> Outcome:
        task = self._task_of(cell)
        contestant = self._contestant(cell, task)
        outcome = Outcome(
            cell=cell,
            result=Skipped(model=cell.model.title, dataset=cell.dataset.title, reason=contestant.misfit),
            sha256=task.sha256,
            problems=task.problems,
        )
        if contestant.misfit:
            return outcome
        core = digest_sources(CORE, without=WITHOUT_BEARING)
        key = digest_document({"contestant": contestant.identity, "core": core, "versions": versions()})
        store = self.options.store
        kept = store.read(key) if store and not self.options.fresh else None
        row = kept or self._row(cell, contestant, task)
        # Labels are no part of the key: what is called otherwise has not changed.
        row = replace(row, model=cell.model.title, dataset=cell.dataset.title)
        return replace(outcome, result=row, key=key, kept=kept is not None)

    def _row(self, cell: Cell, contestant: Contestant, task: Task) -> BenchmarkRow:
        loaded = contestant.load()
        plugin = self.registry.provider(contestant.spec).id
        labels = {"model": cell.model.title, "weights": loaded.weights, "plugin": plugin}
        return score(loaded.module.to(self.options.device), task.test, self.options.device, **labels)

    def _task_of(self, cell: Cell) -> Task:
        if self.task is None or (self.task.entry, self.task.seed) != (cell.dataset, cell.seed):
            self.task = None  # frees the old problems before the new ones are drawn
            self.task = Task(cell.dataset, cell.seed, self.registry, self.options.data)
        return self.task

    def _contestant(self, cell: Cell, task: Task) -> Contestant:
        if not cell.model.train:
            return Ready(cell.model, task, self.registry, self.options.device)
        if self.options.runs is None:
            raise ConfigError(f"'{cell.model.title}' is to be trained; name the folder of the runs")
        return Trained(cell.model, task, self.registry, self.options.device, self.options.runs, self.observer())


def failure(cell: Cell, error: BaseException, options: Options) -> Outcome:
    """Say in one line what ended a cell; an expected error speaks for itself."""
    reason = " ".join(str(error).split()) if isinstance(error, HnetzooError) else one_line(error)
    if options.data.is_absolute():  # a published document names no folder of this machine
        reason = reason.replace(f"{options.data}{os.sep}", "")
    failed = Failed(model=cell.model.title, dataset=cell.dataset.title, seed=cell.seed, reason=reason)
    return Outcome(cell=cell, result=failed)


def run_in_worker(options: Options, cell: Cell) -> Outcome:
    """Run a cell in a process that has only been handed plain data: it discovers the plugins itself, once."""
    return _runner(options).run(cell)


@lru_cache(maxsize=1)
def _runner(options: Options) -> CellRunner:
    torch.set_num_threads(1)
    return CellRunner(discover(), options)
