"""Matchers of the zoo for a number of sources; those of fixed size are padded, or trained where that is too small."""

from dataclasses import replace
from pathlib import Path

from settings import CriterionEntry, MatcherTraining
from torch import Tensor, nn
from torch.nn.functional import pad

import hnetzoo
from hnetzoo.contestants import FIXED_SIZE
from hnetzoo.identity import digest_document
from hnetzoo.training import Job, train
from hnetzoo.zoo import RUN_PREFIX, LoadedModel, configure, resolve_model, specification


class Padded(nn.Module):
    """A matcher of fixed size for smaller problems, filled up by masked slots.

    Example:
        >>> matcher = Padded(hnetzoo.load_model("hnetgru"), 2)
        >>> matcher(torch.tensor([[[0.1]]]), torch.tensor([[True]]), torch.tensor([[True]])).shape
        torch.Size([1, 1, 1])
    """

    def __init__(self, matcher: nn.Module, size: int) -> None:
        super().__init__()
        self.matcher, self.size = matcher, size

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        """Compute logits [b, n, m]."""
        n, m = distance.shape[1:]
        rows, columns = (pad(mask, (0, self.size - mask.shape[1])) for mask in (row_mask, col_mask))
        logits: Tensor = self.matcher(pad(distance, (0, self.size - m, 0, self.size - n)), rows, columns)
        return logits[:, :n, :m]


def load_matcher(entry: CriterionEntry, sources: int, training: MatcherTraining, runs: Path) -> LoadedModel:
    """Return the matcher of a criterion for so many references and predictions.

    Shipped weights of a model of fixed size serve up to that size; beyond it the model is trained on "doa" with known
    counts, in a run directory under `runs` that is taken up when it is there.

    Raises:
        HnetzooError: As `hnetzoo.load_model` and `hnetzoo.training.train` do.
    """
    registry = hnetzoo.discover()
    loaded = resolve_model(entry.matcher, registry, settings=entry.settings)
    if FIXED_SIZE not in specification(entry.matcher, registry).tags or loaded.shape is None:
        return loaded
    size = min(loaded.shape)
    if sources <= size:
        return replace(loaded, module=Padded(loaded.module, size))
    run = _trained(loaded, sources, training, runs)
    return replace(resolve_model(f"{RUN_PREFIX}{run}", registry), weights=f"trained: {run.name}")


def _trained(loaded: LoadedModel, sources: int, training: MatcherTraining, runs: Path) -> Path:
    """Train a model for a size, unless the run is finished, and return its directory."""
    registry, spec = hnetzoo.discover(), loaded.component.spec
    settings = {"max_doas": sources, "samples": training.samples, "counts": "known"}
    job = Job(
        model=loaded.component,
        dataset=configure(registry.dataset("doa"), settings),
        trainer=configure(registry.trainer(spec.trainer), {"epochs": training.epochs}),
        out=runs / f"{spec.name}-{sources}-{digest_document([settings, training.epochs])[:8]}",
        resume=True,
        plugin=registry.provider(spec).id,
    )
    train(job)
    return job.out
