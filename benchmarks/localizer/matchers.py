"""Matchers for a number of sources; those of fixed size are padded, or trained if they are too small.

All predictions of a localizer exist, but references appear and disappear: problems have masked slots and are often
rectangular.
"""

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import pad

import hnetzoo
from benchmarks.localizer.settings import CriterionEntry, MatcherTraining
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import JobRunner, Options
from hnetzoo.benchmark.plan import Entrant, Task, plan_jobs
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.registry.components import configure
from hnetzoo.registry.resolution import ResolvedModel, resolve_model


class Padded(nn.Module):
    """A matcher of fixed size for smaller problems, which are padded with masked slots.

    Example:
        >>> import torch
        >>> matcher = Padded(hnetzoo.load_model("hnetgru"), 2)
        >>> matcher(torch.tensor([[[0.1]]])).shape
        torch.Size([1, 1, 1])
    """

    def __init__(self, matcher: nn.Module, size: int) -> None:
        super().__init__()
        self.matcher, self.size = matcher, size

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        """Return logits [b, n, m]."""
        n, m = distance.shape[1:]
        masks = hnetzoo.full_masks(distance, row_mask, col_mask)
        rows, columns = (pad(mask, (0, self.size - mask.shape[1])) for mask in masks)
        logits: Tensor = self.matcher(pad(distance, (0, self.size - m, 0, self.size - n)), rows, columns)
        return logits[:, :n, :m]


class Matcher(NamedTuple):
    """A matcher in eval mode, the name of its weights in reports, its settings, and the package of its code."""

    module: nn.Module
    weights: str
    settings: dict[str, Any]
    package: str


def load_matcher(entry: CriterionEntry, sources: int, training: MatcherTraining, runs: Path) -> Matcher:
    """Return the matcher of a criterion for a number of sources.

    One of fixed size is trained if its shipped weights are for fewer sources.

    Args:
        entry: Names the matcher and its settings.
        sources: Slots per side.
        training: How it is trained.
        runs: Folder in which trained matchers are cached.

    Raises:
        HnetzooError: As `hnetzoo.load_model` and `hnetzoo train`.
    """
    registry = hnetzoo.discover()
    resolved = resolve_model(entry.matcher, registry, entry.settings)
    size = resolved.size
    if size is not None and sources > min(size):
        module, weights = _trained(resolved, sources, training, registry, runs)
    else:
        module = resolved.load() if size is None else Padded(resolved.load(), min(size))
        weights = resolved.weights.name if resolved.weights else "none"
    package = resolved.spec.target.partition(".")[0]
    return Matcher(module, weights, resolved.component.settings, package)


def _trained(
    resolved: ResolvedModel, sources: int, training: MatcherTraining, registry: hnetzoo.Registry, runs: Path
) -> tuple[nn.Module, str]:
    """Return a model trained for a number of sources, or cached, and the name of its weights."""
    settings = {"max_doas": sources, "samples": training.samples, "counts": "known"}
    trainer = configure(registry.trainer(resolved.spec.trainer), {"epochs": training.epochs})
    model = ResolvedModel(component=resolved.component)
    entrant = Entrant(title=resolved.spec.name, choices=(model,), trainer=trainer)
    task = Task(title="doa", dataset=configure(registry.dataset("doa"), settings))
    job = plan_jobs([entrant], [task], [0], registry).jobs[0]
    runner = JobRunner(Options(cache=runs / "rows", training=TrainingOptions(runs=runs)))
    row = runner.outcome(job).result
    assert isinstance(row, BenchmarkRow), "it is trained for the size of its problems"
    trained = resolve_model(f"run:{runs / row.weights.removeprefix('trained: ')}", registry)
    return Padded(trained.load(), sources), row.weights
