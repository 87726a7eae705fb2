"""An exported model that answers otherwise is found out."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import hnetzoo
from hnetzoo import AssociationBatch, ExportError
from hnetzoo.export import compare

MODEL = hnetzoo.load_model("dual-softmax")
SHAPE = (3, 5)


def answer(batch: AssociationBatch) -> Tensor:
    with torch.no_grad(), hnetzoo.skip_value_checks():
        logits: Tensor = MODEL(*batch.problems)
    return logits


def flip_one(logits: Tensor) -> Tensor:
    return torch.where(logits == logits.max(), -logits, logits)


def test_the_model_itself_agrees_with_no_difference() -> None:
    agreement = compare(MODEL, answer, shape=SHAPE)
    assert (agreement.problems, agreement.largest_difference) == (100, 0.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda logits: logits + 0.1, "logits by up to 0.1"),
        (lambda logits: -logits, "decoded pairs differ"),
        (flip_one, "decoded pairs differ"),
        (lambda logits: logits.mT, "gives logits [1, 5, 3]"),
        (lambda logits: torch.where(logits > 0, torch.nan, logits), "logits by up to inf"),
    ],
)
def test_another_answer_is_refused(wrong: Callable[[Tensor], Tensor], words: str) -> None:
    with pytest.raises(ExportError, match=r"^'net', exported, of \d problems of 3 x 5 ") as refused:
        compare(MODEL, lambda batch: wrong(answer(batch)), shape=SHAPE, name="net")
    assert words in str(refused.value)


def test_a_difference_on_one_size_alone_is_found() -> None:
    def wrong(batch: AssociationBatch) -> Tensor:
        return answer(batch) + float(batch.distance.shape == (7, 2, 32))

    with pytest.raises(ExportError, match="of 7 problems of 2 x 32"):
        compare(MODEL, wrong)


def test_what_stands_outside_the_masks_is_not_compared() -> None:
    agreement = compare(MODEL, lambda batch: answer(batch).masked_fill(~batch.cells, -7.0), shape=SHAPE)
    assert agreement.largest_difference == 0.0


class Undecided(hnetzoo.AssociationModel):
    """Every pair is tied but for rounding."""

    def logits(self, distance: Tensor, allowed: Tensor) -> Tensor:
        return torch.full_like(distance, 1e-6)


def test_ties_that_rounding_decides_are_counted_and_accepted() -> None:
    model = Undecided()

    def answer(batch: AssociationBatch) -> Tensor:
        with hnetzoo.skip_value_checks():
            logits = model(*batch.problems)
        return torch.where(logits > 0, -logits, logits)

    agreement = compare(model, answer, shape=(2, 2))
    assert agreement.ties == 200
    assert f" in 100 problems (but for {agreement.ties} ties), " in str(agreement)
