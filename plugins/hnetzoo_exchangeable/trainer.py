"""The exchangeable trainer: cross-entropy of entries."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo_exchangeable.config import ExchangeableTrainerConfig
from hnetzoo_exchangeable.interpolation import InterpolatingTrainer


def cell_loss(logits: Tensor, batch: hnetzoo.AssociationBatch, pair_weight: float = 1.0) -> Tensor:
    """Return the cross-entropy of entries, summed per row and averaged over existing rows, a scalar.

    Args:
        logits: Float [b, n, m].
        batch: The problems and their true pairs, or how likely pairs are true, which then counts.
        pair_weight: Weight of true pairs; that of other entries is 1.
    """
    likely = batch.association if batch.probability is None else batch.probability
    truth, cells = likely.to(logits.dtype).masked_fill(~batch.cells, 0), batch.cells.to(logits.dtype)
    weight = logits.new_tensor(pair_weight)
    total = binary_cross_entropy_with_logits(logits, truth, cells, reduction="sum", pos_weight=weight)
    return total / batch.row_mask.sum().clamp(min=1)


class ExchangeableTrainer(InterpolatingTrainer):
    """Train association logits against the true pairs, or against how likely they are where problems say it.

    Args:
        config: Settings.

    Example:
        >>> trainer = ExchangeableTrainer(ExchangeableTrainerConfig())
        >>> batch = hnetzoo.load_dataset("doa", samples=80).load("train", seed=0)
        >>> sorted(trainer.losses(hnetzoo.load_model("exchangeable", weights=None), batch))
        ['cell']
    """

    config: ExchangeableTrainerConfig

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return the cross-entropy of entries, summed per row and averaged over existing rows, "cell"."""
        said = {} if batch.truth is None else {"truth": self._said(batch.truth) if model.training else batch.truth}
        return {"cell": cell_loss(model(*batch.problems, **said), batch, self.config.pair_weight)}

    def _said(self, truth: Tensor) -> Tensor:
        """Return what true pairs mean, int64 [b], and -1 for problems of which that is not said."""
        withheld = torch.rand(len(truth), device=truth.device) < self.config.without_truth
        return truth.masked_fill(withheld, -1)
