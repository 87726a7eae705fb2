"""The exchangeable trainer: cross-entropy of the cells.

Rows' and columns' activity are no terms of their own: the network sees whole rows and columns, and a cell's logit says
it all.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import OneCycleLR

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableTrainerConfig


class ExchangeableTrainer:
    """Train association logits against cells.

    Args:
        config: Settings.
    """

    def __init__(self, config: ExchangeableTrainerConfig) -> None:
        self.config = config

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Compute the mean cross-entropy of a problem: "cell", a scalar."""
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        truth, weight = batch.association.to(logits.dtype), batch.cells.to(logits.dtype)
        total = binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum")
        return {"cell": total / max(1, len(logits))}

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with decoupled weight decay and clipped gradients, and a one-cycle schedule."""
        rate, decay = self.config.learning_rate, self.config.weight_decay
        parameters = list(model.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=decay, fused=True)
        optimizer.register_step_pre_hook(lambda *_: _clip(parameters, self.config.largest_gradient))
        return hnetzoo.Optimization(
            optimizer, OneCycleLR(optimizer, rate, total_steps, pct_start=self.config.warmup_share)
        )


def _clip(parameters: list[nn.Parameter], largest: float) -> None:
    clip_grad_norm_(parameters, largest)
