"""Tracking counts, and the ratios derived from them. Torch-free."""

from dataclasses import astuple, dataclass
from math import nan


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
