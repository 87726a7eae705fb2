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
from hnetzoo.registry.cards import read_card
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.resolution import ResolvedModel, resolve_model
from hnetzoo.registry.specs import DatasetSpec, Pretrained, TrainerSpec
from hnetzoo.training.runs import read_metrics

TIMED_PROBLEMS = 20_000


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


def training_seconds(entry: CriterionEntry, sources: int, training: MatcherTraining, runs: Path) -> float:
    """Return the seconds that the training of a criterion's matcher takes; 0 without one, or if it learns nothing.

    Cards state the recipe and not the time. One epoch of it is run on a few of its problems, and the time is scaled to
    all of its problems and epochs; of a matcher that the study trains itself, the time is that of its run.

    Args:
        entry: Names the matcher.
        sources: Slots per side.
        training: As in `load_matcher`.
        runs: Folder in which trained matchers are cached.
    """
    if not entry.matcher:
        return 0.0
    registry = hnetzoo.discover()
    resolved = resolve_model(entry.matcher, registry, entry.settings)
    size, weights = resolved.size, resolved.weights
    if weights is None or getattr(resolved.load(), "ignores_weights", False):
        return 0.0
    if size is not None and sources > min(size):
        return _seconds(_trained_run(resolved, sources, training, registry, runs))
    card = read_card(_shipped(resolved))
    recipe, epochs = dict(card.settings["dataset"]), int(card.settings["trainer"]["epochs"])
    dataset = configure(registry.dataset(card.data["dataset"]), {**recipe, "samples": TIMED_PROBLEMS})
    trainer = configure(registry.trainer(resolved.spec.trainer), {**card.settings["trainer"], "epochs": 1})
    run = _run(ResolvedModel(component=resolved.component), dataset, trainer, registry, runs)
    return _seconds(run) * epochs * int(recipe["samples"]) / TIMED_PROBLEMS


def _shipped(resolved: ResolvedModel) -> Pretrained:
    """Return the declaration of the shipped weights of a model."""
    assert resolved.weights is not None, "asked of models with weights alone"
    variant = resolved.weights.name.partition(":")[2]
    return next(entry for entry in resolved.spec.pretrained if entry.variant == variant)


def _trained(
    resolved: ResolvedModel, sources: int, training: MatcherTraining, registry: hnetzoo.Registry, runs: Path
) -> tuple[nn.Module, str]:
    """Return a model trained for a number of sources, or cached, and the name of its weights."""
    run = _trained_run(resolved, sources, training, registry, runs)
    return Padded(resolve_model(f"run:{run}", registry).load(), sources), f"trained: {run.name}"


def _trained_run(
    resolved: ResolvedModel, sources: int, training: MatcherTraining, registry: hnetzoo.Registry, runs: Path
) -> Path:
    """Return the run directory of a model trained for a number of sources."""
    settings = {"max_doas": sources, "samples": training.samples, "counts": "known"}
    trainer = configure(registry.trainer(resolved.spec.trainer), {"epochs": training.epochs})
    dataset = configure(registry.dataset("doa"), settings)
    return _run(ResolvedModel(component=resolved.component), dataset, trainer, registry, runs)


def _run(
    model: ResolvedModel,
    dataset: Component[DatasetSpec],
    trainer: Component[TrainerSpec],
    registry: hnetzoo.Registry,
    runs: Path,
) -> Path:
    """Return the run directory of a model that is trained, or was."""
    entrant = Entrant(title=model.spec.name, choices=(model,), trainer=trainer)
    job = plan_jobs([entrant], [Task(title=dataset.spec.name, dataset=dataset)], [0], registry).jobs[0]
    row = JobRunner(Options(cache=runs / "rows", training=TrainingOptions(runs=runs))).outcome(job).result
    assert isinstance(row, BenchmarkRow), "it is trained for the size of its problems"
    return runs / row.weights.removeprefix("trained: ")


def _seconds(run: Path) -> float:
    return sum(sum(record.seconds.values()) for record in read_metrics(run))
