"""Call the training loop on a small model in float64, without a dataset or a registry."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo.digests import digest_tensors
from hnetzoo.training.fit import fit
from hnetzoo.training.observer import EpochRecord, Observer
from hnetzoo.training.ranks import ALONE, Ranks
from hnetzoo.training.runs import RunRecord, open_run


class Affinity(nn.Module):
    """Two weights: logits = threshold - slope * distance."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.5, 1.0], dtype=torch.float64))

    def forward(self, distance: Tensor, row_mask: Tensor | None = None, col_mask: Tensor | None = None) -> Tensor:
        return self.weight[0] - self.weight[1] * distance


def problems(count: int, seed: int) -> hnetzoo.AssociationBatch:
    """Return problems of 3 x 3 whose truth is the exact assignment, float64."""
    generator = torch.Generator().manual_seed(seed)
    distance = torch.rand(count, 3, 3, generator=generator, dtype=torch.float64)
    return hnetzoo.AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance))


def fit_directly(
    path: Path,
    trainer: Any,
    settings: hnetzoo.TrainerConfig,
    *,
    training: hnetzoo.AssociationBatch | None = None,
    model: nn.Module | None = None,
    observer: Observer | None = None,
    ranks: Ranks = ALONE,
) -> tuple[EpochRecord, nn.Module]:
    """Return the last epoch and the model, after training in a new run directory."""
    split, held_out = training or problems(100, 0), problems(20, 1)
    data = {"train": digest_tensors(split.tensors), "validation": digest_tensors(held_out.tensors)}
    tables = {"trainer": settings.model_dump(mode="json")}
    run = open_run(path, RunRecord(model="affinity", trainer="own", shape=(3, 3), settings=tables, data=data))
    model = model or Affinity()
    return fit(model, trainer, settings, split, held_out, run, observer=observer, ranks=ranks), model
