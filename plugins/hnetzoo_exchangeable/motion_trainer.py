"""The motion trainer: cross-entropy of entries, on some batches without the features."""

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo_exchangeable.config import MotionTrainerConfig
from hnetzoo_exchangeable.interpolation import InterpolatingTrainer
from hnetzoo_exchangeable.trainer import cell_loss


class MotionTrainer(InterpolatingTrainer):
    """Train association logits against the true pairs; on some batches the model does not see the features.

    Args:
        config: Settings.

    Example:
        >>> trainer = MotionTrainer(MotionTrainerConfig())
        >>> batch = hnetzoo.load_dataset("box-tracks", samples=80).load("train", seed=0)
        >>> sorted(trainer.losses(hnetzoo.load_model("motion", weights=None), batch))
        ['cell']
    """

    config: MotionTrainerConfig

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return the cross-entropy of entries, summed per row and averaged over existing rows, "cell"."""
        withheld = model.training and torch.rand(()).item() < self.config.without_features
        features = {} if withheld else batch.features
        pair_weight = self.config.withheld_pair_weight if withheld else 1.0
        return {"cell": cell_loss(model(*batch.problems, **features), batch, pair_weight)}
