"""Masked softmax and log-odds against float64 arithmetic."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hnetzoo
from hnetzoo import DataError, allowed_pairs, compress_logits, log_odds, mask_value, masked_softmax

SCORES = st.lists(st.floats(-50, 50), min_size=1, max_size=6)


@given(SCORES)
def test_log_odds_are_those_of_the_softmax(scores: list[float]) -> None:
    found = log_odds(torch.tensor(scores, dtype=torch.float64), 0)
    for index, score in enumerate(scores):
        others = [other - score for place, other in enumerate(scores) if place != index]
        if others:  # log(p / (1 - p)) = -log(sum of exp(other - score))
            largest = max(others)
            expected = -largest - math.log(sum(math.exp(other - largest) for other in others))
            assert found[index].item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_only_choice_is_certain_and_finite_in_every_type(dtype: torch.dtype) -> None:
    scores = torch.tensor([3.0, mask_value(dtype), mask_value(dtype)], dtype=dtype)
    odds = log_odds(scores, 0)
    assert odds.isfinite().all()
    assert odds[0] > 1e3
    assert (odds[1:] < -1e3).all()


def test_log_odds_of_large_scores_keep_their_gradient() -> None:
    scores = torch.tensor([40.0, 0.0, -40.0], requires_grad=True)
    log_odds(scores, 0).sum().backward()
    assert scores.grad.isfinite().all()


@given(SCORES, st.data())
def test_masked_softmax_is_the_softmax_of_the_allowed_entries(scores: list[float], data: st.DataObject) -> None:
    allowed = torch.tensor(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))))
    tensor = torch.tensor(scores, dtype=torch.float64)
    shares = masked_softmax(tensor, allowed)
    assert (shares[~allowed] == 0).all()
    torch.testing.assert_close(shares[allowed], tensor[allowed].softmax(0))


@given(st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=8, unique=True))
def test_compressed_logits_keep_order_and_small_values(values: list[float]) -> None:
    logits = torch.tensor(sorted(values), dtype=torch.float64)
    compressed = compress_logits(logits)
    assert (compressed.diff() >= 0).all()
    small = logits.abs() <= 20
    assert torch.equal(compressed[small], logits[small])
    assert compressed.abs().max() < 100


@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_the_first_unusable_distance_is_named(value: float) -> None:
    distance = torch.zeros(2, 2, 3)
    distance[1, 0, 2] = value
    message = f"distance is {value} at problem 1, row 0, column 2; distances inside the masks must be numbers"
    with pytest.raises(DataError, match=message):
        allowed_pairs(distance)
    columns = torch.tensor([[True] * 3, [True, True, False]])
    assert allowed_pairs(distance, None, columns).sum() == 10
    with hnetzoo.skip_value_checks():
        assert allowed_pairs(distance).sum() == 11
