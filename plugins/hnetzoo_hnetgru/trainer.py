"""The hnet trainer: three binary cross-entropies and Adam.

How ours differs from the authors' script: the learning rate follows one cycle instead of staying constant, and weights
decay (the script has `schedule = "constant"` and `weight_decay = 0`); masked slots add no loss; the balancing weights
that the script computes but never uses can be applied (`balance_cells`), and weights averaged (`averaging`).

Source: S. Adavanne, A. Politis, T. Virtanen, WASPAA 2021, section 3.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import hnetzoo
from hnetzoo_hnetgru.config import HNetTrainerConfig

ABSENT = -1e4
"""Logit of a masked entry in the maxima: below any real one, and finite, so that no gradient becomes NaN."""
PROBLEMS_AT_ONCE = 4096
"""Of a forward pass in validation."""


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
        self.label_shares: Tensor | None = None
        self.average: AveragedModel | None = None

    def prepare(self, training: hnetzoo.AssociationBatch) -> None:
        """Compute the label shares of the training split if a setting needs them."""
        if self.config.balance_cells or self.config.weighted_f1:
            self.label_shares = share = hnetzoo.label_shares(training)
        if self.config.balance_cells:
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
        """Return Adam with decoupled weight decay and, unless the rate is constant, a one-cycle schedule.

        After each of its steps, the average of the weights is updated if `averaging` is set.
        """
        optimization = self._optimization(model, total_steps)
        if self.config.averaging is not None:
            formula = get_ema_multi_avg_fn(self.config.averaging)  # type: ignore[no-untyped-call]
            average = AveragedModel(model, multi_avg_fn=formula)
            optimization.optimizer.register_step_post_hook(lambda *_: average.update_parameters(model))
            self.average = average
        return optimization

    def averaged(self, model: nn.Module) -> nn.Module:
        """Return the average of the weights if `averaging` is set, otherwise the model itself."""
        return model if self.average is None else self.average.module

    def metrics(self, model: nn.Module, validation: hnetzoo.AssociationBatch) -> dict[str, float]:
        """Return the weighted F1 of the original Hnet, if it is asked for and has a meaning."""
        if not self.config.weighted_f1 or not bool(validation.cells.all()):
            return {}
        starts = range(0, len(validation.distance), PROBLEMS_AT_ONCE)
        parts = (validation.select(slice(start, start + PROBLEMS_AT_ONCE)) for start in starts)
        pairs = torch.cat([hnetzoo.decode(model(*part.problems)) for part in parts]).cpu()
        found = hnetzoo.weighted_f1(pairs, validation.association.cpu(), self.label_shares, seed=0)
        return {} if found is None else {"weighted_f1": found}

    def state_dict(self) -> dict[str, Any]:
        """Return the average of the weights, if there is one."""
        return {} if self.average is None else {"average": self.average.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the average of the weights, if there is one."""
        if self.average is not None:
            self.average.load_state_dict(state["average"])

    def _optimization(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
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
