"""Whether an exported model answers as the model itself."""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from hnetzoo.association.batch import AssociationBatch
from hnetzoo.association.decoding import decode
from hnetzoo.association.masking import skip_value_checks
from hnetzoo.association.prediction import predict
from hnetzoo.errors import ExportError
from hnetzoo.export.problems import feature_count_of, grid

TOLERANCE = 0.05
"""Largest difference of logits. The temperature of transport ends at 6e-5 of the distances, which makes 0.01 of their
rounding in float32."""
UNDECIDED = 1e-3
"""A pair whose logit is this near 0 is tied with another: rounding decides it, in torch as well."""

Answer = Callable[[AssociationBatch], Tensor]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far two answers agreed: which pairs were decoded was the same, but for ties.

    Fields:
        problems: Problems asked.
        largest_difference: The largest difference of two logits.
        ties: Pairs whose logit is within `UNDECIDED` of 0, which are not compared.

    Example:
        >>> print(Agreement(problems=360, largest_difference=4e-6, ties=6))
        the same pairs in 360 problems (but for 6 ties), logits within 4e-06 (0.05 is accepted)
    """

    problems: int
    largest_difference: float
    ties: int

    def __str__(self) -> str:
        """Return it in one line."""
        aside = f" (but for {self.ties} ties)" if self.ties else ""
        return (
            f"the same pairs in {self.problems} problems{aside}, logits within {self.largest_difference:.2g} "
            f"({TOLERANCE} is accepted)"
        )

    def to_json(self) -> dict[str, float]:
        """Return plain values."""
        return asdict(self)


def compare(
    model: nn.Module, answer: Answer, *, shape: tuple[int, int] | None = None, name: str = "model"
) -> Agreement:
    """Return how far a model and its exported form agree, on the problems of `hnetzoo.export.problems.grid`.

    Args:
        model: The model.
        answer: Takes a batch, and returns the logits [b, n, m] of the exported form.
        shape: (n, m) of the only problems that the model takes; None for models of any size.
        name: Of the model, in messages.

    Raises:
        ExportError: If a decoded pair differs that is no tie, or a logit by more than `TOLERANCE`.

    Example:
        >>> import hnetzoo
        >>> model = hnetzoo.load_model("hungarian")
        >>> print(compare(model, lambda batch: model(*batch.problems), shape=(2, 2)))
        the same pairs in 100 problems, logits within 0 (0.05 is accepted)
    """
    problems, largest, ties = 0, 0.0, 0
    for batch in grid(shape, feature_count_of(model)):
        with skip_value_checks():
            expected, found = predict(model, *batch.problems, features=batch.features, name=name), answer(batch)
            difference, tied = _differences(expected, found, batch, f"'{name}', exported, of {_described(batch)}")
        problems, largest, ties = problems + len(found), max(largest, difference), ties + tied
    return Agreement(problems=problems, largest_difference=largest, ties=ties)


def _differences(expected: Tensor, found: Tensor, batch: AssociationBatch, what: str) -> tuple[float, int]:
    """Return the largest difference of logits, and how many pairs are tied; raises ExportError as `compare` does."""
    if found.shape != expected.shape:
        raise ExportError(f"{what} gives logits {list(found.shape)}; nothing was written")
    difference = (found - expected).abs().masked_fill(~batch.cells, 0.0)
    tied = batch.cells & (expected.abs() < UNDECIDED)
    other = (decode(found, *batch.problems[1:]) != decode(expected, *batch.problems[1:])) & ~tied
    largest = difference.nan_to_num(nan=torch.inf).max().item()
    if bool(other.any()) or largest > TOLERANCE:
        raise ExportError(
            f"{what} answers otherwise: {int(other.sum())} decoded pairs differ, logits by up to {largest:.3g} "
            f"({TOLERANCE} is accepted); nothing was written"
        )
    return largest, int(tied.sum())


def _described(batch: AssociationBatch) -> str:
    b, n, m = batch.distance.shape
    return f"{b} problems of {n} x {m}"
