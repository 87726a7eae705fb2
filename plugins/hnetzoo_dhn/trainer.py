"""The dhn trainer: a focal loss of the entries, balanced by how many of them are positive.

With n1 positive and n0 negative entries in a batch, positives weigh w1 = n0 / (n0 + n1) and negatives w0 = 1 - w1, so
that both classes count alike; an entry also weighs by a power of how wrong its probability is.

How ours differs from the paper: Adam's rate follows one cycle and gradients are clipped; masked slots carry no loss.

Source: Y. Xu et al., "How To Train Your Deep Multi-Object Tracker", CVPR 2020; T.-Y. Lin et al., "Focal Loss for Dense
Object Detection", ICCV 2017, for the loss.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

import hnetzoo
from hnetzoo_dhn.config import DHNTrainerConfig


class DHNTrainer:
    """Train association logits against the true pairs.

    Args:
        config: Settings.
    """

    def __init__(self, config: DHNTrainerConfig) -> None:
        self.config = config

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return the mean balanced focal loss of existing entries: "focal", a scalar."""
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        cells, positive = batch.cells, batch.association
        count = cells.sum().clamp(min=1)
        share = (positive & cells).sum() / count
        weight = torch.where(positive, 1 - share, share)
        likely = torch.where(positive, logits, -logits)  # log-odds of the truth
        loss = -weight * torch.sigmoid(-likely) ** self.config.focus * logsigmoid(likely)
        return {"focal": loss.masked_fill(~cells, 0.0).sum() / count}

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with clipped gradients, and a one-cycle schedule."""
        config = self.config
        return hnetzoo.one_cycle(
            model,
            total_steps,
            learning_rate=config.learning_rate,
            warmup_share=config.warmup_share,
            largest_gradient=config.largest_gradient,
        )
