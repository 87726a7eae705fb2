"""The exchangeable trainer: cross-entropy of entries."""

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableTrainerConfig


class ExchangeableTrainer:
    """Train association logits against the true pairs.

    Args:
        config: Settings.

    Example:
        >>> trainer = ExchangeableTrainer(ExchangeableTrainerConfig())
        >>> batch = hnetzoo.load_dataset("doa", samples=80).load("train", seed=0)
        >>> sorted(trainer.losses(hnetzoo.load_model("exchangeable", weights=None), batch))
        ['cell']
    """

    def __init__(self, config: ExchangeableTrainerConfig) -> None:
        self.config = config

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return the cross-entropy of entries, summed per row and averaged over existing rows, "cell"."""
        logits, cells = model(*batch.problems), batch.cells
        truth = batch.association.to(logits.dtype)
        total = binary_cross_entropy_with_logits(logits, truth, cells.to(logits.dtype), reduction="sum")
        return {"cell": total / batch.row_mask.sum().clamp(min=1)}

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with decoupled weight decay and clipped gradients, and a one-cycle schedule."""
        return hnetzoo.one_cycle(model, total_steps, **self.config.optimization)
