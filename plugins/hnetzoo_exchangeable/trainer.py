"""The exchangeable trainer: cross-entropy of entries, rows and columns, after several numbers of iterations.

The cross-entropy of a row or a column is over its partners and "none", whose logit is 0, so that a logit means the same
in all three terms. The loss is also taken after fewer iterations, and their number may change from step to step: so the
network learns to keep a correct output, and can solve larger problems with more iterations than it was trained with.
"""

import inspect

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableTrainerConfig

EARLY_WEIGHT = 0.3
"""Weight of the output after an earlier iteration; that after the last has weight 1."""


class ExchangeableTrainer:
    """Train association logits against the true pairs, over entries, rows and columns.

    Args:
        config: Settings; `iterations` and `supervise_every` are for models whose `forward` takes `after`, as that of
            `exchangeable` does, and have no effect on others.
    """

    def __init__(self, config: ExchangeableTrainerConfig) -> None:
        self.config = config

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return mean cross-entropies: of rows, "row", of columns, "column", and of entries, summed per row, "cell"."""
        problems = batch.distance, batch.row_mask, batch.col_mask
        inner = hnetzoo.unwrapped(model)  # DistributedDataParallel and torch.compile hide what a model takes
        iterates = "after" in inspect.signature(inner.forward).parameters
        answers = model(*problems, after=self._iterations(inner)).unbind() if iterates else [model(*problems)]
        weights = batch.distance.new_tensor([EARLY_WEIGHT] * (len(answers) - 1) + [1.0])
        terms = torch.stack([_terms(logits, batch) for logits in answers], 1)
        means: Tensor = terms @ (weights / weights.sum())
        return dict(zip(("cell", "row", "column"), means, strict=True))

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with decoupled weight decay and clipped gradients, and a one-cycle schedule."""
        config = self.config
        return hnetzoo.one_cycle(
            model,
            total_steps,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            warmup_share=config.warmup_share,
            largest_gradient=config.largest_gradient,
        )

    def _iterations(self, model: nn.Module) -> list[int]:
        """Return the numbers of iterations to take the loss after, ascending; in training the last one is random."""
        last: int = model.iterations  # type: ignore[assignment]
        if self.config.iterations is not None:
            low, high = self.config.iterations
            last = int(torch.randint(low, high + 1, ())) if torch.is_grad_enabled() else high
        every = self.config.supervise_every or last
        return [*range(every, last, every), last]


def _terms(logits: Tensor, batch: hnetzoo.AssociationBatch) -> Tensor:
    """Return the terms of the logits after one number of iterations: cell, row and column, [3]."""
    cells, truth = batch.cells, batch.association.to(logits.dtype)
    cell = binary_cross_entropy_with_logits(logits, truth, cells.to(logits.dtype), reduction="sum")
    reachable = logits.masked_fill(~cells, hnetzoo.ABSENT)
    row = _mean_choice(reachable, truth, batch.row_mask, axis=2)
    column = _mean_choice(reachable, truth, batch.col_mask, axis=1)
    return torch.stack((cell / batch.row_mask.sum().clamp(min=1), row, column))


def _mean_choice(logits: Tensor, truth: Tensor, mask: Tensor, axis: int) -> Tensor:
    """Return the mean cross-entropy, over existing rows or columns, of choosing one partner or none along an axis."""
    log_of_all = torch.logsumexp(nn.functional.pad(logits, (1, 0) if axis == 2 else (0, 0, 1, 0)), axis)
    mean: Tensor = ((log_of_all - (logits * truth).sum(axis)) * mask).sum() / mask.sum().clamp(min=1)
    return mean
