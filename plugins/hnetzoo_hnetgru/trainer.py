"""The hnet trainer: three binary cross-entropies and Adam.

How ours differs from the authors' script: the learning rate follows one cycle instead of staying constant, and weights
decay (the script has `schedule = "constant"` and `weight_decay = 0`); masked slots add no loss; the balancing weights
that the script computes but never uses can be applied (`balance_cells`).

Source: S. Adavanne, A. Politis, T. Virtanen, WASPAA 2021, section 3.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo_hnetgru.config import HNetTrainerConfig

ABSENT = -1e4
"""Logit of a masked entry in the maxima: below any real one, and finite, so that no gradient becomes NaN."""


class HNetTrainer:
    """Train association logits against the true pairs, row activity and column activity.

    Args:
        config: Settings.

    Example:
        >>> model = hnetzoo.load_model("hnetgru", weights=None)
        >>> batch = hnetzoo.load_dataset("doa", samples=160).load("test", seed=0)
        >>> sorted(HNetTrainer(HNetTrainerConfig()).losses(model, batch))
        ['cell', 'column', 'row']
    """

    reduction = "sum"
    """The losses are sums over the problems of a batch, as in the paper."""

    def __init__(self, config: HNetTrainerConfig) -> None:
        self.config = config
        self.positive_weight: Tensor | None = None

    def prepare(self, training: hnetzoo.AssociationBatch) -> None:
        """Compute the balancing weight of the training split if `balance_cells` is set."""
        if self.config.balance_cells:
            share = hnetzoo.label_shares(training)
            self.positive_weight = torch.where(share > 0, (1 - share) / share, 1.0).to(training.distance.dtype)

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return the three terms, each summed over the batch as in the paper, times its weight.

        Args:
            model: An association model.
            batch: b problems.

        Returns:
            "cell", "row" and "column", each a scalar.
        """
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        if logits.numel() == 0:
            return dict.fromkeys(("cell", "row", "column"), logits.sum())
        cells, truth = batch.cells, batch.association.to(logits.dtype)
        reachable = logits.masked_fill(~cells, ABSENT)
        balance = None if self.positive_weight is None else self.positive_weight.to(logits.device)
        cell, row, column = self.config.loss_weights
        return {
            "cell": cell * _cross_entropy(logits, truth, cells, balance),
            "row": row * _cross_entropy(reachable.amax(2), truth.amax(2), batch.row_mask),
            "column": column * _cross_entropy(reachable.amax(1), truth.amax(1), batch.col_mask),
        }

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with decoupled weight decay and, unless the rate is constant, a one-cycle schedule."""
        rate, decay = self.config.learning_rate, self.config.weight_decay
        if self.config.schedule == "constant":
            optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay, fused=True)
            return hnetzoo.Optimization(optimizer)
        warmup = self.config.warmup_share
        return hnetzoo.one_cycle(model, total_steps, learning_rate=rate, weight_decay=decay, warmup_share=warmup)


def _cross_entropy(logits: Tensor, truth: Tensor, mask: Tensor, positive_weight: Tensor | None = None) -> Tensor:
    """Return the sum of the cross-entropy where mask is True; all [b, ...] of one shape."""
    weight = mask.to(logits.dtype)
    return binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum", pos_weight=positive_weight)
