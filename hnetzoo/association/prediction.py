"""Logits of models for whole batches."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch, valid_cells
from hnetzoo.errors import ModelError

EVALUATION_BATCH = 4096  # problems per forward pass; bounds memory, and changes results by rounding only


def predict(
    model: nn.Module,
    distance: Tensor,
    row_mask: Tensor,
    col_mask: Tensor,
    *,
    features: Mapping[str, Tensor] = MappingProxyType({}),
    name: str = "",
    device: torch.device | str = "cpu",
    batch_size: int = EVALUATION_BATCH,
) -> Tensor:
    """Return a model's logits in eval mode, without gradients.

    Args:
        model: An association model, on `device`.
        distance: Float [b, n, m].
        row_mask: Bool [b, n].
        col_mask: Bool [b, m].
        features: `AssociationBatch.features`, for a model that takes them.
        name: Name of the model in error messages; by default its class.
        device: Where the model runs.
        batch_size: Problems per forward pass.

    Returns:
        Float [b, n, m] on the CPU. The training mode of every module is restored.

    Raises:
        ModelError: If the logits differ in shape from the distances, or are not finite inside the masks.
    """
    if not len(distance):
        return torch.zeros(distance.shape)
    answers = []
    with evaluating(model):
        for start in range(0, len(distance), batch_size):
            part = slice(start, start + batch_size)
            asked = tuple(tensor[part] for tensor in (distance, row_mask, col_mask))
            more = {name: field[part].to(device) for name, field in features.items()}
            logits = model(*(tensor.to(device) for tensor in asked), **more)
            answers.append(_checked(logits, *asked, name=name or type(model).__name__))
    return torch.cat(answers)


def _checked(logits: Tensor, distance: Tensor, row_mask: Tensor, col_mask: Tensor, *, name: str) -> Tensor:
    """Return the logits on the CPU; raise ModelError if their shape is wrong or a valid one is not finite."""
    if logits.shape != distance.shape:
        raise ModelError(f"model '{name}' returned logits {list(logits.shape)} for distances {list(distance.shape)}")
    logits = logits.cpu()
    places = (~logits.isfinite() & valid_cells(row_mask, col_mask).cpu()).nonzero()
    if len(places):
        problem, row, column = places[0].tolist()
        value, cause = logits[problem, row, column].item(), distance[problem, row, column].item()
        raise ModelError(
            f"model '{name}' returned {value} in row {row}, column {column} of a problem, where the distance is "
            f"{cause:.6g}; logits must be finite: look for 0/0 or inf - inf, or distances that it is not made for"
        )
    return logits


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into eval mode and disable gradients inside a `with` block."""
    was_training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in was_training:
            module.training = True


def cut(batch: AssociationBatch, batch_size: int) -> Iterator[AssociationBatch]:
    """Yield consecutive parts of a batch, of at most `batch_size` problems each."""
    for start in range(0, len(batch.distance), batch_size):
        yield batch.select(slice(start, start + batch_size))
