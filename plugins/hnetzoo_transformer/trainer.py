"""The transformer trainer: cross-entropy of entries, rows and columns.

The cross-entropy of a row or a column is over its partners and "none", whose logit is 0, so that a logit means the same
in all three terms.
"""

from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

import hnetzoo
from hnetzoo_transformer.config import TransformerTrainerConfig


class TransformerTrainer:
    """Train association logits against the true pairs, over entries, rows and columns.

    Args:
        config: Settings.

    Example:
        >>> trainer = TransformerTrainer(TransformerTrainerConfig())
        >>> batch = hnetzoo.load_dataset("doa", samples=80).load("train", seed=0)
        >>> sorted(trainer.losses(hnetzoo.load_model("transformer", weights=None), batch))
        ['cell', 'column', 'row']
    """

    def __init__(self, config: TransformerTrainerConfig) -> None:
        self.config = config

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        """Return mean cross-entropies: of rows, "row", of columns, "column", and of entries, summed per row, "cell"."""
        logits, cells = model(*batch.problems), batch.cells
        truth = batch.association.to(logits.dtype)
        cell = binary_cross_entropy_with_logits(logits, truth, cells.to(logits.dtype), reduction="sum")
        reachable = logits.masked_fill(~cells, hnetzoo.ABSENT)
        return {
            "cell": cell / batch.row_mask.sum().clamp(min=1),
            "row": _mean_choice(reachable, truth, batch.row_mask, axis=2),
            "column": _mean_choice(reachable, truth, batch.col_mask, axis=1),
        }

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        """Return Adam with decoupled weight decay and clipped gradients, and a one-cycle schedule."""
        return hnetzoo.one_cycle(model, total_steps, **self.config.optimization)


def _mean_choice(logits: Tensor, truth: Tensor, mask: Tensor, axis: int) -> Tensor:
    """Return the mean cross-entropy, over existing rows or columns, of choosing one partner or none along an axis."""
    log_of_all = nn.functional.pad(logits, (1, 0) if axis == 2 else (0, 0, 1, 0)).logsumexp(axis)
    mean: Tensor = ((log_of_all - (logits * truth).sum(axis)) * mask).sum() / mask.sum().clamp(min=1)
    return mean
