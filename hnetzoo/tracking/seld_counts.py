"""Counts of joint localization and detection by class, and DCASE's scores derived from them. Torch-free."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from math import isnan, nan
from operator import add
from statistics import fmean
from typing import Literal, TypeAlias

from hnetzoo.errors import ConfigError

Average = Literal["macro", "micro"]
Edition = Literal["2023", "2024"]
PerClass: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class SeldScores:
    """DCASE's scores of sound event localization and detection.

    Args:
        f1: F-score in which only matches near enough are right (F20 if that is 20 degrees).
        error_rate: Substitutions, deletions and insertions per reference, of all classes (ER20).
        localization_error: Mean angle of matches of the same class [degrees] (LE_CD, since 2024 DOAE_CD).
        localization_recall: Share of references that are matched, near or not (LR_CD).
        relative_distance_error: Mean of `abs(estimated - true) / true` source distance of matches (RDE_CD); NaN without
            distances.
        edition: How `seld_score` is made.

    Example:
        >>> SeldScores(
        ...     f1=0.25, error_rate=0.9, localization_error=18.0, localization_recall=0.5, relative_distance_error=0.4,
        ...     edition="2024",
        ... ).seld_score
        0.4166666666666667
    """

    f1: float
    error_rate: float
    localization_error: float
    localization_recall: float
    relative_distance_error: float
    edition: Edition = "2024"

    @property
    def seld_score(self) -> float:
        """One number of these, lower is better; a part that is NaN is left out.

        "2024": mean of 1 - F, LE / 180 and RDE. "2023", as since 2019: mean of ER, 1 - F, LE / 180 and 1 - LR.
        """
        parts = [1 - self.f1, self.localization_error / 180]
        if self.edition == "2023":
            return _mean([*parts, self.error_rate, 1 - self.localization_recall])
        return _mean([*parts, self.relative_distance_error])


@dataclass(frozen=True, kw_only=True)
class SeldCounts:
    """Counts by class over some sequences, as `seld_counts` returns them; the sum of two covers the sequences of both.

    Args:
        references: Number of references of each class.
        right: Matches near enough.
        misplaced: Matches too far apart; each is an error of a reference and of a prediction.
        missed: References without a match.
        false: Predictions without a match.
        angle: Sum of angles of matches [degrees].
        relative_distance: Sum of relative errors of source distances of matches; NaN without distances.
        edits: Substitutions, deletions and insertions, counted over all classes in each frame or segment.

    Example:
        >>> counts = SeldCounts(
        ...     references=(3, 1), right=(2, 0), misplaced=(1, 0), missed=(0, 1), false=(2, 0), angle=(27.0, 0.0),
        ...     relative_distance=(0.6, 0.0), edits=(1, 0, 2),
        ... )
        >>> both = counts + counts
        >>> [(scores.f1, scores.localization_error) for scores in (both.scores("macro"), both.scores("micro"))]
        [(0.25, 9.0), (0.4444444444444444, 9.0)]
    """

    references: PerClass
    right: PerClass
    misplaced: PerClass
    missed: PerClass
    false: PerClass
    angle: tuple[float, ...]
    relative_distance: tuple[float, ...]
    edits: tuple[int, int, int]

    def __add__(self, other: "SeldCounts") -> "SeldCounts":
        if len(self.references) != len(other.references):
            classes = len(self.references), len(other.references)
            raise ConfigError(
                f"counts of {classes[0]} and of {classes[1]} classes cannot be added; count the same ones"
            )
        pairs = zip(astuple(self), astuple(other), strict=True)
        sums = (tuple(map(add, first, second)) for first, second in pairs)
        return SeldCounts(**dict(zip(self.__dataclass_fields__, sums, strict=True)))

    def scores(self, average: Average = "macro", edition: Edition = "2024") -> SeldScores:
        """Return the scores.

        "macro" is the mean over classes, the challenge's choice since 2022; "micro" takes all classes together. The
        mean has every class: one that never occurs has F and LR 0, as in the challenge's own evaluation. A class
        without a match has no LE: in "2023" it counts as 180 degrees, in "2024" it is left out of the mean.

        Raises:
            ConfigError: If average or edition is unknown.
        """
        if average == "micro":
            return self._scores(range(len(self.references)), edition)
        if average != "macro":
            raise ConfigError(f"unknown average {average!r}; choose 'macro' or 'micro'")
        classes = self.by_class(edition)
        return SeldScores(
            f1=_mean(one.f1 for one in classes),
            error_rate=self._error_rate(),
            localization_error=_mean(one.localization_error for one in classes),
            localization_recall=_mean(one.localization_recall for one in classes),
            relative_distance_error=_mean(one.relative_distance_error for one in classes),
            edition=edition,
        )

    def by_class(self, edition: Edition = "2024") -> tuple[SeldScores, ...]:
        """Return the scores of each class, with the error rate of all; arguments and errors as in `scores`."""
        return tuple(self._scores([number], edition) for number in range(len(self.references)))

    def _scores(self, classes: Iterable[int], edition: Edition) -> SeldScores:
        """Return the scores of some classes together."""
        if edition not in ("2023", "2024"):
            raise ConfigError(f"unknown edition {edition!r}; choose '2023' or '2024'")
        chosen = tuple(classes)
        right, misplaced, missed, false = (
            sum(counts[number] for number in chosen) for counts in (self.right, self.misplaced, self.missed, self.false)
        )
        angle, relative = (sum(total[number] for number in chosen) for total in (self.angle, self.relative_distance))
        matches = right + misplaced
        return SeldScores(
            f1=_ratio(right, matches + 0.5 * (missed + false), 0.0),
            error_rate=self._error_rate(),
            localization_error=_ratio(angle, matches, 180.0 if edition == "2023" else nan),
            localization_recall=_ratio(matches, matches + missed, 0.0),
            relative_distance_error=_ratio(relative, matches, nan),
            edition=edition,
        )

    def _error_rate(self) -> float:
        return sum(self.edits) / max(1, sum(self.references))


def _ratio(part: float, whole: float, otherwise: float) -> float:
    return part / whole if whole else otherwise


def _mean(values: Iterable[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    known = [value for value in values if not isnan(value)]
    return fmean(known) if known else nan
