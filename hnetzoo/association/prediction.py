"""Answers of models to whole batches."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch

EVALUATION_BATCH = 4096  # problems per forward pass; bounds memory, changes no result beyond rounding


class Prediction(NamedTuple):
    """Logits [b, n, m] on the CPU and the seconds that the forward passes took."""

    logits: Tensor
    seconds: float


def predict(
    model: nn.Module, batch: AssociationBatch, device: torch.device | str = "cpu", batch_size: int = EVALUATION_BATCH
) -> Prediction:
    """Run a model over a batch in eval mode without gradients, and time the forward passes alone.

    The training mode of every module is restored afterwards.
    """
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    chunks: list[Tensor] = []
    seconds = 0.0
    try:
        with torch.no_grad():
            for part in cut(batch, batch_size):
                moved = part.to(device)
                start = time.perf_counter()
                logits = model(moved.distance, moved.row_mask, moved.col_mask).cpu()
                seconds += time.perf_counter() - start
                chunks.append(logits)
    finally:
        for module in was_training:
            module.training = True
    return Prediction(torch.cat(chunks) if chunks else torch.zeros(batch.distance.shape), seconds)


def cut(batch: AssociationBatch, batch_size: int) -> Iterator[AssociationBatch]:
    """Cut a batch into consecutive parts of at most `batch_size` problems."""
    for start in range(0, len(batch.distance), batch_size):
        yield batch.select(slice(start, start + batch_size))
