"""Matchers of the zoo for a number of sources; those of fixed size are padded, or trained where they are too small.

To a localizer all predictions exist, while references come and go: problems of known counts, often unequal.
"""

from dataclasses import replace
from pathlib import Path

from settings import CriterionEntry, MatcherTraining
from torch import Tensor, nn
from torch.nn.functional import pad

import hnetzoo
from hnetzoo.benchmark.entrants import FIXED_SIZE
from hnetzoo.digests import digest_document, digest_sources
from hnetzoo.registry.components import configure
from hnetzoo.registry.loading import RUN_PREFIX, LoadedModel, resolve_model, specification
from hnetzoo.training.fit import Job, train
from hnetzoo.training.runs import RESULT


class Padded(nn.Module):
    """A matcher of fixed size for smaller problems, filled up by masked slots.

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
        """Compute logits [b, n, m]."""
        n, m = distance.shape[1:]
        masks = hnetzoo.full_masks(distance, row_mask, col_mask)
        rows, columns = (pad(mask, (0, self.size - mask.shape[1])) for mask in masks)
        logits: Tensor = self.matcher(pad(distance, (0, self.size - m, 0, self.size - n)), rows, columns)
        return logits[:, :n, :m]


def load_matcher(entry: CriterionEntry, sources: int, training: MatcherTraining, runs: Path) -> LoadedModel:
    """Return the matcher of a criterion for so many references and predictions.

    One of fixed size is trained if its shipped weights are for fewer sources.

    Args:
        entry: Names the matcher and its settings.
        sources: Slots of either side.
        training: How it is trained.
        runs: Where trained ones are kept, and taken up.

    Raises:
        HnetzooError: As `hnetzoo.load_model` and `hnetzoo.training.train` do.
    """
    registry = hnetzoo.discover()
    spec = specification(entry.matcher, registry)
    loaded = resolve_model(entry.matcher, registry, settings=entry.settings)
    if FIXED_SIZE in spec.tags and sources > min(loaded.shape or (0,)):
        run = _trained(loaded, sources, training, registry, runs)
        weights = f"trained: {run.name}"
        loaded = replace(resolve_model(f"{RUN_PREFIX}{run}", registry), weights=weights)
    if FIXED_SIZE in spec.tags and loaded.shape:
        return replace(loaded, module=Padded(loaded.module, min(loaded.shape)))
    return loaded


def _trained(
    loaded: LoadedModel, sources: int, training: MatcherTraining, registry: hnetzoo.Registry, runs: Path
) -> Path:
    """Train a model for a size, unless the run is finished, and return its directory."""
    spec = loaded.component.spec
    settings = {"max_doas": sources, "samples": training.samples, "counts": "known"}
    code = digest_sources(spec.target.partition(".")[0])
    recipe = [loaded.component.config.model_dump(mode="json"), settings, training.epochs, code]
    job = Job(
        model=loaded.component,
        dataset=configure(registry.dataset("doa"), settings),
        trainer=configure(registry.trainer(spec.trainer), {"epochs": training.epochs}),
        out=runs / f"{spec.name}-{digest_document(recipe)[:8]}",
        resume=True,
        plugin=registry.provider(spec).id,
    )
    if not (job.out / RESULT).is_file():
        train(job)
    return job.out
