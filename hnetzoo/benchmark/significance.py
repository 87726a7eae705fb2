"""How sure the F1 of a model and the difference between two are: bootstraps over the problems that they answered."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

CONFIDENCE = 0.95
DRAWS = 4000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """F1 of one model minus that of another on the same problems.

    Fields:
        value: The difference on all problems.
        low: Lower bound of its interval.
        high: Upper bound.
        problems: How many problems both answered.
    """

    value: float
    low: float
    high: float
    problems: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0 or self.high < 0

    def __neg__(self) -> "Difference":
        return replace(self, value=-self.value, low=-self.high, high=-self.low)

    def __str__(self) -> str:
        return f"{self.value:+.4f} [{self.low:+.4f}, {self.high:+.4f}]"


def paired_difference(
    first: "Sequence[Counts]",
    second: "Sequence[Counts]",
    *,
    block: int = 1,
    redrawn: bool = True,
    confidence: float = CONFIDENCE,
) -> Difference:
    """Return the difference of two models' F1 with the percentile interval of a paired bootstrap.

    Problems are drawn with replacement, the same for both models, and F1 is computed once from the summed counts.

    Args:
        first: True positives, false positives and false negatives of the first model by problem, int64 [b, 3]; one
            array for each seed.
        second: Those of the other model on the same problems.
        block: Neighbouring problems that are drawn together, as frames of a sequence, whose errors go together.
        redrawn: Whether each seed has problems of its own. If not, all arrays are of the same problems, as those of
            recordings are, and what becomes of a problem with each seed is drawn together.
        confidence: Of the interval.

    Raises:
        ValueError: If the models answered other numbers of problems, or none.

    Example:
        >>> import numpy as np
        >>> right, wrong = np.tile([1, 0, 0], (50, 1)), np.tile([0, 1, 1], (50, 1))
        >>> str(paired_difference([right], [wrong]))
        '+1.0000 [+1.0000, +1.0000]'

    Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    import numpy as np

    if [len(counts) for counts in first] != [len(counts) for counts in second] or not sum(map(len, first)):
        raise ValueError("paired differences need the outcomes of both models on the same problems")
    pairs = [np.hstack(counts) for counts in zip(first, second, strict=True)]
    if not redrawn and len({*map(len, pairs)}) == 1:
        pairs = [np.sum(pairs, axis=0)]
    drawn_together = np.concatenate([_joined(pair, block) for pair in pairs])
    draws = _drawn(drawn_together)
    low, high = _bounds(_f1(draws[:, :3]) - _f1(draws[:, 3:]), confidence)
    whole = drawn_together.sum(0, keepdims=True)
    value = float((_f1(whole[:, :3]) - _f1(whole[:, 3:]))[0])
    return Difference(value=value, low=low, high=high, problems=sum(map(len, pairs)))


def f1_interval(counts: "Counts", *, block: int = 1, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the percentile interval of a model's F1 by a bootstrap over the problems.

    Args:
        counts: True positives, false positives and false negatives by problem, int64 [b, 3].
        block: Neighbouring problems that are drawn together, as frames of a sequence, whose errors go together.
        confidence: Of the interval.

    Returns:
        The lower and the upper bound.

    Raises:
        ValueError: If there are no problems.

    Example:
        >>> import numpy as np
        >>> f1_interval(np.tile([1, 0, 0], (50, 1)))
        (1.0, 1.0)

    Source: B. Efron, R. Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.
    """
    if not len(counts):
        raise ValueError("an interval needs the outcomes of some problems")
    return _bounds(_f1(_drawn(_joined(counts, block))), confidence)


def _drawn(counts: "Counts") -> "Counts":
    """Return the summed counts [DRAWS, k] of problems [b, k] that are drawn with replacement, b at a time."""
    import numpy as np

    # Problems of equal outcomes are interchangeable, so that their numbers are drawn instead of themselves.
    kinds, numbers = np.unique(counts, axis=0, return_counts=True)
    chances = numbers / numbers.sum()
    drawn: Counts = np.random.default_rng(0).multinomial(len(counts), chances, size=DRAWS) @ kinds
    return drawn


def _bounds(values: "NDArray[np.float64]", confidence: float) -> tuple[float, float]:
    import numpy as np

    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _joined(counts: "Counts", block: int) -> "Counts":
    """Return the sums [ceil(b / block), k] of counts [b, k] over blocks of neighbours."""
    import numpy as np

    summed: Counts = np.add.reduceat(counts, np.arange(0, len(counts), block), axis=0) if len(counts) else counts
    return summed


def _f1(counts: "Counts") -> "NDArray[np.float64]":
    """Return the F1 of counts [k, 3], 1 where there was nothing to find and nothing was found."""
    import numpy as np

    twice, wrong = 2.0 * counts[:, 0], counts[:, 1] + counts[:, 2]
    ratio: NDArray[np.float64] = np.where(twice + wrong > 0, twice / np.maximum(twice + wrong, 1), 1.0)
    return ratio
