"""Measure a model on the validation split, as after every epoch."""

from typing import Any

from torch import nn

from hnetzoo.association.assignment import assign
from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.counts import AssociationCounts, compare
from hnetzoo.association.decoding import decode
from hnetzoo.association.prediction import cut, evaluating, predict
from hnetzoo.config import TrainerConfig
from hnetzoo.training.batches import problem_groups
from hnetzoo.training.execution import data_parallel
from hnetzoo.training.extensions import ExtendedTrainer
from hnetzoo.training.group import shared
from hnetzoo.training.ranks import Ranks
from hnetzoo.training.runs import RunRecord


class Validation:
    """The validation split on the device of a training, and what models are measured by on it.

    Args:
        problems: The split.
        trainer: Its losses and own metrics are measured beside F1, precision, recall and exact matches.
        settings: Batches of the losses.
        record: Names the model and its device.
        ranks: The place of this process; all of them answer a part of the problems, and the first one measures.
    """

    def __init__(
        self,
        problems: AssociationBatch,
        trainer: ExtendedTrainer,
        settings: TrainerConfig,
        record: RunRecord,
        ranks: Ranks,
    ) -> None:
        solved = (compare(assign(*piece.problems), piece).total() for piece in problems.pieces())
        self.exact_solver_f1 = sum(solved, AssociationCounts()).f1
        self.problems = problems.to(record.device)
        self.groups = [group.to(record.device) for group in problem_groups(problems, settings)]
        self.trainer, self.settings, self.record, self.ranks = trainer, settings, record, ranks

    def measure(self, model: nn.Module) -> dict[str, Any]:
        """Return the metrics of a model, the mean losses per problem, and the trainer's own metrics.

        Raises:
            ModelError: If logits have the wrong shape or are not finite, or as of `ExtendedTrainer.metrics`.
        """
        asked = data_parallel(model, self.ranks)
        counts = sum((self._count(asked, group) for group in self.groups), AssociationCounts())
        measured = {
            "f1": counts.f1,
            "precision": counts.precision,
            "recall": counts.recall,
            "exact": counts.exact_share,
            "losses": self._losses(asked, counts.problems),
            **(self.trainer.metrics(model, self.problems) if self.ranks.first else {}),
        }
        return shared(self.ranks, measured)

    def _count(self, model: nn.Module, problems: AssociationBatch) -> AssociationCounts:
        """Return the right and wrong pairs that the model makes of some problems."""
        name, device = self.record.model, self.record.device
        logits = predict(model, *problems.problems, features=problems.features, name=name, device=device)
        found = decode(logits.to(problems.distance.device), problems.row_mask, problems.col_mask)
        return compare(found, problems).total()

    def _losses(self, model: nn.Module, problems: int) -> dict[str, float]:
        totals: dict[str, float] = {}
        with evaluating(model):
            for batch in (part for group in self.groups for part in cut(group, self.settings.batch_size)):
                size, losses = len(batch.distance), self.trainer.losses(model, batch)
                for name, share in self.trainer.per_problem(losses, size).items():
                    totals[name] = totals.get(name, 0.0) + float(share) * size
        return {name: total / max(1, problems) for name, total in totals.items()}
