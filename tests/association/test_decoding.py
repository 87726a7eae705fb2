"""Decoding of logits: the threshold by definition, one-to-one against the enumeration of every matching."""

import re
from collections.abc import Iterator
from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from hnetzoo import ConfigError, DataError, ShapeError, decode
from hnetzoo.association.decoding import DecodingMethod

METHODS = get_args(DecodingMethod)
SHAPES = tuple(product(range(5), repeat=2))


def matchings(n: int, m: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield every set of pairs with at most one per row and per column."""

    def extend(row: int, free: frozenset[int]) -> Iterator[tuple[tuple[int, int], ...]]:
        if row == n:
            yield ()
            return
        for column in (None, *free):
            taken = () if column is None else ((row, column),)
            for rest in extend(row + 1, free - {column}):
                yield taken + rest

    return extend(0, frozenset(range(m)))


def random_logits(generator: torch.Generator, b: int, n: int, m: int) -> Tensor:
    return 3 * torch.randn(b, n, m, generator=generator)


def random_masks(generator: torch.Generator, b: int, n: int, m: int) -> tuple[Tensor, Tensor]:
    return torch.rand(b, n, generator=generator) < 0.7, torch.rand(b, m, generator=generator) < 0.7


def test_threshold_takes_every_pair_of_probability_above_a_half(generator: torch.Generator) -> None:
    for n, m in SHAPES:
        logits = random_logits(generator, 20, n, m)
        logits[logits.abs() < 0.5] = 0.0  # probability exactly 0.5 is not above it
        rows, columns = random_masks(generator, 20, n, m)
        found = decode(logits, rows, columns, method="threshold")
        assert found.shape == logits.shape
        for problem, row, column in np.ndindex(*logits.shape):
            exists = bool(rows[problem, row]) and bool(columns[problem, column])
            likely = exists and logits[problem, row, column].item() > 0
            assert bool(found[problem, row, column]) == likely


def test_one_to_one_has_the_largest_total_log_odds_of_all_matchings(generator: torch.Generator) -> None:
    for n, m in SHAPES:
        every = list(matchings(n, m))
        logits = random_logits(generator, 10, n, m)
        rows, columns = random_masks(generator, 10, n, m)
        inside = rows.unsqueeze(2) & columns.unsqueeze(1)
        found = decode(logits, rows, columns, method="one-to-one")
        for problem, chosen, valid in zip(logits, found, inside, strict=True):
            usable = problem.double().masked_fill(~valid, -torch.inf).tolist()
            best = max(sum(usable[i][j] for i, j in matching) for matching in every)
            assert problem.double()[chosen].sum().item() == pytest.approx(best, abs=1e-9)


@pytest.mark.parametrize("shape", [(40, 3, 3), (40, 2, 5), (40, 7, 6)])
def test_one_to_one_is_valid_and_takes_no_unlikely_pair(
    shape: tuple[int, int, int], generator: torch.Generator
) -> None:
    logits = random_logits(generator, *shape)
    masks = random_masks(generator, *shape)
    found = decode(logits, *masks, method="one-to-one")
    assert found.dtype == torch.bool
    assert int(found.sum(1).max()) <= 1
    assert int(found.sum(2).max()) <= 1
    assert not (found & ~decode(logits, *masks)).any()
    assert int(decode(logits, *masks).sum(1).max()) > 1, "the threshold alone must break the rule somewhere"


@pytest.mark.parametrize("shape", [(40, 3, 3), (40, 6, 7)])
def test_one_to_one_equals_the_threshold_where_that_is_valid(
    shape: tuple[int, int, int], generator: torch.Generator
) -> None:
    logits = random_logits(generator, *shape) - 4
    likely = decode(logits)
    legal = (likely.sum(1) <= 1).all(1) & (likely.sum(2) <= 1).all(1)
    assert 0 < int(legal.sum()) < len(legal)
    assert torch.equal(decode(logits, method="one-to-one")[legal], likely[legal])


def test_default_method_is_the_threshold() -> None:
    logits = torch.tensor([[[3.0, 2.0], [1.0, -1.0]]])
    assert torch.equal(decode(logits), decode(logits, method="threshold"))


@pytest.mark.parametrize("method", METHODS)
def test_one_matrix_is_decoded_as_a_batch_of_one(method: DecodingMethod, generator: torch.Generator) -> None:
    logits = random_logits(generator, 1, 3, 4)
    rows, columns = torch.tensor([[1, 0, 1]]).bool(), torch.tensor([[1, 1, 0, 1]]).bool()
    assert torch.equal(decode(logits[0], method=method), decode(logits, method=method)[0])
    assert torch.equal(
        decode(logits[0], rows[0], columns[0], method=method), decode(logits, rows, columns, method=method)[0]
    )
    assert torch.equal(
        decode(logits[0], None, columns[0], method=method), decode(logits, None, columns, method=method)[0]
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("garbage", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("size", [3, 6])
def test_logits_outside_the_masks_change_nothing(
    garbage: float, size: int, method: DecodingMethod, generator: torch.Generator
) -> None:
    logits = random_logits(generator, 30, size, size)
    masks = random_masks(generator, 30, size, size)
    outside = ~(masks[0].unsqueeze(2) & masks[1].unsqueeze(1))
    expected = decode(logits, *masks, method=method)
    assert torch.equal(decode(logits.masked_fill(outside, garbage), *masks, method=method), expected)
    assert not (expected & outside).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(0, 2, 2), (3, 0, 2), (3, 2, 0), (2, 0, 0), (0, 6, 6), (0, 3), (3, 0), (0, 0)])
def test_empty_problems_decode_to_empty_associations(shape: tuple[int, ...], method: DecodingMethod) -> None:
    found = decode(torch.zeros(shape), method=method)
    assert found.shape == shape
    assert found.dtype == torch.bool


@pytest.mark.parametrize("method", METHODS)
def test_logits_are_not_mutated(method: DecodingMethod, generator: torch.Generator) -> None:
    logits = random_logits(generator, 10, 3, 3)
    before = logits.clone()
    decode(logits, method=method)
    assert torch.equal(logits, before)


@pytest.mark.parametrize("method", METHODS)
def test_logits_that_carry_gradients_are_decoded(method: DecodingMethod) -> None:
    logits = torch.tensor([[2.0, 1.0], [1.0, -3.0]], requires_grad=True)
    assert not decode(logits, method=method).requires_grad


@pytest.mark.parametrize("method", METHODS)
def test_nan_is_refused(method: DecodingMethod) -> None:
    logits = torch.zeros(2, 3, 3)
    logits[1, 2, 0] = torch.nan
    with pytest.raises(DataError, match="the logit is NaN at problem 1, row 2, column 0; a model must return numbers"):
        decode(logits, method=method)


LOGITS = st.sampled_from([-torch.inf, -2.0, 0.0, 1.0, 1.5, 4.0, torch.inf])


@given(st.integers(1, 6), st.integers(1, 6), st.data())
def test_one_to_one_is_valid_likely_and_optimal(n: int, m: int, data: st.DataObject) -> None:
    """Against scipy, on any logits, infinite ones included."""
    rows = st.lists(st.lists(LOGITS, min_size=m, max_size=m), min_size=n, max_size=n)
    logits = torch.tensor(data.draw(rows))
    found = decode(logits, method="one-to-one")
    assert (found.sum(0) <= 1).all()
    assert (found.sum(1) <= 1).all()
    assert not (found & ~decode(logits)).any()
    gain = logits.double().clamp(0, 1e9).numpy()
    assert gain[found.numpy()].sum() == gain[linear_sum_assignment(gain, maximize=True)].sum()


@pytest.mark.parametrize("shape", [(2, 2), (4, 2, 2)])
def test_unknown_method_lists_the_known_ones(shape: tuple[int, ...]) -> None:
    message = "unknown decoding method 'softmax'; choose 'threshold' or 'one-to-one'"
    with pytest.raises(ConfigError, match=f"^{message}$"):
        decode(torch.zeros(shape), method="softmax")


def test_wrong_shapes_are_named() -> None:
    with pytest.raises(ShapeError, match=re.escape("expected problems of shape [b, n, m], got [2, 2, 2, 2]")):
        decode(torch.zeros(2, 2, 2, 2))
    with pytest.raises(ShapeError, match=re.escape("row_mask is bool [4, 3]; problems [4, 2, 3] need bool [4, 2]")):
        decode(torch.zeros(4, 2, 3), torch.ones(4, 3).bool())
