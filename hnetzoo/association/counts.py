"""Counts of right and wrong pairs, and the ratios derived from them.

Counts are added up, and ratios are computed once, from the sums. 0/0 is 1.0 if there are neither true nor predicted
pairs (`AssociationCounts.vacuous`), and 0.0 if only one of the two is missing. Conventions as in
`hnetzoo.association.batch`. Only methods of tensors are used, so this module imports no numerical library.
"""

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from hnetzoo.association.batch import AssociationBatch


@dataclass(frozen=True, kw_only=True)
class AssociationCounts:
    """Counts over some problems; the sum of two covers the problems of both.

    `exact` counts exact matches, problems in which every pair is right; `valid` counts problems with at most one pair
    per row and per column.

    Example:
        >>> counts = AssociationCounts(true_positives=3, false_positives=1, problems=2, exact=1, valid=2)
        >>> round((counts + counts).f1, 3), counts.exact_share
        (0.857, 0.5)
    """

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    problems: int = 0
    exact: int = 0
    valid: int = 0

    def __add__(self, other: "AssociationCounts") -> "AssociationCounts":
        names = self.__dataclass_fields__
        return AssociationCounts(
            **dict(zip(names, map(sum, zip(astuple(self), astuple(other), strict=True)), strict=True))
        )

    @property
    def vacuous(self) -> bool:
        """True if there are neither true nor predicted pairs."""
        return not (self.true_positives or self.false_positives or self.false_negatives)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return self._ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return self._ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN), the F1 of associated pairs."""
        return self._ratio(
            2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives
        )

    @property
    def exact_share(self) -> float:
        """Share of problems with an exact match; 1.0 for no problems."""
        return self.exact / self.problems if self.problems else 1.0

    @property
    def validity(self) -> float:
        """Share of problems with at most one pair per row and per column; 1.0 for no problems."""
        return self.valid / self.problems if self.problems else 1.0

    def _ratio(self, part: int, whole: int) -> float:
        return part / whole if whole else float(self.vacuous)


class Outcomes(NamedTuple):
    """Counts per problem, int64 or bool [b]."""

    true_positives: "Tensor"
    false_positives: "Tensor"
    false_negatives: "Tensor"
    exact: "Tensor"
    valid: "Tensor"

    def total(self, chosen: "Tensor | None" = None) -> AssociationCounts:
        """Return the counts over all problems, or over those where `chosen`, bool [b], is True."""
        fields = self if chosen is None else Outcomes(*(field[chosen] for field in self))
        sums = {name: int(field.sum()) for name, field in zip(self._fields, fields, strict=True)}
        return AssociationCounts(**sums, problems=len(fields.exact))


def compare(association: "Tensor", truth: "AssociationBatch") -> Outcomes:
    """Return the counts of hard associations compared with the truth, per problem.

    Args:
        association: Bool [b, n, m]; pairs outside the masks are not counted.
        truth: The problems.

    Returns:
        Counts per problem, each [b].

    Example:
        >>> import torch
        >>> from hnetzoo import AssociationBatch
        >>> truth = AssociationBatch.with_full_masks(torch.rand(2, 3, 3), torch.eye(3).bool().expand(2, 3, 3))
        >>> compare(torch.eye(3).bool().expand(2, 3, 3), truth).total().f1
        1.0
    """
    found, wanted = association & truth.cells, truth.association & truth.cells
    return Outcomes(
        true_positives=(found & wanted).sum((1, 2)),
        false_positives=(found & ~wanted).sum((1, 2)),
        false_negatives=(wanted & ~found).sum((1, 2)),
        exact=~(found ^ wanted).flatten(1).any(1),
        valid=~((found.sum(1) > 1).any(1) | (found.sum(2) > 1).any(1)),
    )
