"""Tracking counts, and the ratios derived from them. Torch-free."""

from dataclasses import astuple, dataclass
from math import nan, sqrt
from statistics import fmean
from typing import TypeAlias

HOTA_THRESHOLDS = tuple(step / 20 for step in range(1, 20))
"""Thresholds of similarity over which HOTA is a mean."""
SCORE_NAMES = {"hota": "HOTA", "deta": "DetA", "assa": "AssA", "idf1": "IDF1", "mota": "MOTA"}
"""How the scores of `TrackScores.values` are called, but for the number of switches."""
PerThreshold: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class TrackingCounts:
    """Counts over some sequences; the sum of two covers the sequences of both.

    Example:
        >>> counts = TrackingCounts(references=4, predictions=3, matches=3, switches=1, total_distance=0.6)
        >>> (counts + counts).mota, counts.recall, round(counts.mean_distance, 3)
        (0.5, 0.75, 0.2)
    """

    references: int = 0
    predictions: int = 0
    matches: int = 0
    switches: int = 0
    total_distance: float = 0.0

    def __add__(self, other: "TrackingCounts") -> "TrackingCounts":
        sums = (sum(pair) for pair in zip(astuple(self), astuple(other), strict=True))
        return TrackingCounts(**dict(zip(self.__dataclass_fields__, sums, strict=True)))

    @property
    def misses(self) -> int:
        """References without a prediction."""
        return self.references - self.matches

    @property
    def false_positives(self) -> int:
        """Predictions without a reference."""
        return self.predictions - self.matches

    @property
    def mean_distance(self) -> float:
        """Mean distance of matched pairs [unit of the distance]; NaN if nothing is matched."""
        return self.total_distance / self.matches if self.matches else nan

    @property
    def recall(self) -> float:
        """Matches / references; 1.0 if there are neither references nor predictions."""
        return self._share(self.references)

    @property
    def precision(self) -> float:
        """Matches / predictions; 1.0 if there are neither references nor predictions."""
        return self._share(self.predictions)

    @property
    def f1(self) -> float:
        """2 matches / (references + predictions); 1.0 if there are neither."""
        slots = self.references + self.predictions
        return 2 * self.matches / slots if slots else 1.0

    @property
    def mota(self) -> float:
        """1 - (misses + false positives + switches) / max(1, references)."""
        return 1 - (self.misses + self.false_positives + self.switches) / max(1, self.references)

    def _share(self, whole: int) -> float:
        return self.matches / whole if whole else float(self.references == self.predictions)


@dataclass(frozen=True, kw_only=True)
class IdentityCounts:
    """Counts of whole tracks assigned to whole sources; the sum of two covers the sequences of both.

    Ratios are 0 where there is nothing to count, as in TrackEval.

    Example:
        >>> counts = IdentityCounts(references=4, predictions=2, matches=2)
        >>> (counts + counts).idf1, counts.idp, counts.idr
        (0.6666666666666666, 1.0, 0.5)
    """

    references: int = 0
    predictions: int = 0
    matches: int = 0

    def __add__(self, other: "IdentityCounts") -> "IdentityCounts":
        return IdentityCounts(
            references=self.references + other.references,
            predictions=self.predictions + other.predictions,
            matches=self.matches + other.matches,
        )

    @property
    def idf1(self) -> float:
        """2 matches / (references + predictions)."""
        return 2 * self.matches / max(1, self.references + self.predictions)

    @property
    def idp(self) -> float:
        """Matches / predictions."""
        return self.matches / max(1, self.predictions)

    @property
    def idr(self) -> float:
        """Matches / references."""
        return self.matches / max(1, self.references)


_NONE = (0.0,) * len(HOTA_THRESHOLDS)


@dataclass(frozen=True, kw_only=True)
class HotaCounts:
    """Counts of HOTA by threshold; the sum of two covers the sequences of both.

    Properties are means over the thresholds; without matches they are 0, but LocA is 1, as in TrackEval. `similarity`
    is summed over matches, and so are TPA / (TPA + FNA + FPA), TPA / (TPA + FNA) and TPA / (TPA + FPA) for association.

    Example:
        >>> counts = HotaCounts(references=1, predictions=1)
        >>> counts.hota, counts.loca
        (0.0, 1.0)
    """

    references: int = 0
    predictions: int = 0
    matches: PerThreshold = _NONE
    similarity: PerThreshold = _NONE
    association: PerThreshold = _NONE
    association_recall: PerThreshold = _NONE
    association_precision: PerThreshold = _NONE

    def __add__(self, other: "HotaCounts") -> "HotaCounts":
        return HotaCounts(
            references=self.references + other.references,
            predictions=self.predictions + other.predictions,
            matches=_sums(self.matches, other.matches),
            similarity=_sums(self.similarity, other.similarity),
            association=_sums(self.association, other.association),
            association_recall=_sums(self.association_recall, other.association_recall),
            association_precision=_sums(self.association_precision, other.association_precision),
        )

    @property
    def hota(self) -> float:
        """Geometric mean of detection and association accuracy."""
        return fmean(
            map(sqrt, (d * a for d, a in zip(self._detection(), self._per_match(self.association), strict=True)))
        )

    @property
    def deta(self) -> float:
        """Detection accuracy: matches / (references + predictions - matches)."""
        return fmean(self._detection())

    @property
    def detre(self) -> float:
        """Detection recall: matches / references."""
        return fmean(self.matches) / max(1, self.references)

    @property
    def detpr(self) -> float:
        """Detection precision: matches / predictions."""
        return fmean(self.matches) / max(1, self.predictions)

    @property
    def assa(self) -> float:
        """Association accuracy: mean over matches of TPA / (TPA + FNA + FPA)."""
        return fmean(self._per_match(self.association))

    @property
    def assre(self) -> float:
        """Association recall: mean over matches of TPA / (TPA + FNA)."""
        return fmean(self._per_match(self.association_recall))

    @property
    def asspr(self) -> float:
        """Association precision: mean over matches of TPA / (TPA + FPA)."""
        return fmean(self._per_match(self.association_precision))

    @property
    def loca(self) -> float:
        """Localization accuracy: mean similarity of matches."""
        pairs = zip(self.similarity, self.matches, strict=True)
        return fmean(similarity / matches if matches else 1.0 for similarity, matches in pairs)

    def _detection(self) -> PerThreshold:
        slots = self.references + self.predictions
        return tuple(matches / max(1, slots - matches) for matches in self.matches)

    def _per_match(self, sums: PerThreshold) -> PerThreshold:
        return tuple(total / max(1, matches) for total, matches in zip(sums, self.matches, strict=True))


def _sums(first: PerThreshold, second: PerThreshold) -> PerThreshold:
    return tuple(a + b for a, b in zip(first, second, strict=True))
