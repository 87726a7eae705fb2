"""Outcomes of problems survive as text, and paired intervals are those of a plain bootstrap."""

import base64
import random
import zlib

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo.association.counts import compare
from hnetzoo.benchmark.outcomes import pack_outcomes, unpack_outcomes
from hnetzoo.benchmark.scoring import score
from hnetzoo.benchmark.significance import Difference, f1_interval, paired_difference
from hnetzoo.errors import DataError


def problems(seed: int, count: int = 20) -> hnetzoo.AssociationBatch:
    distance = torch.rand(count, 3, 4, generator=torch.Generator().manual_seed(seed))
    return hnetzoo.AssociationBatch.with_full_masks(distance, hnetzoo.assign(distance))


def outcomes(seed: int, share: float, count: int = 20) -> np.ndarray:
    """Return counts of answers of which a share of the pairs is right."""
    rng = np.random.default_rng(seed)
    right = rng.binomial(3, share, size=count)
    return np.stack((right, 3 - right, 3 - right), 1)


def f1(counts: np.ndarray) -> float:
    tp, fp, fn = counts.sum(0).tolist()
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0


def test_outcomes_survive_as_text() -> None:
    batch = problems(0)
    counts = compare(torch.rand(20, 3, 4) > 0.7, batch)
    found = unpack_outcomes(pack_outcomes(counts))
    assert np.array_equal(found, np.stack([field.numpy() for field in counts[:3]], 1))


def test_the_outcomes_of_a_row_add_up_to_its_f1() -> None:
    batch = problems(1)
    scores = score(torch.randn(20, 3, 4), batch)
    assert f1(unpack_outcomes(scores.outcomes)) == pytest.approx(scores.f1)


@pytest.mark.parametrize(
    "text",
    [
        "nothing",
        "",
        base64.b64encode(zlib.compress(b"12345")).decode(),
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(bytes(1 << 20))[:-9]).decode(),
    ],
)
def test_texts_that_are_no_outcomes_are_refused(text: str) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        unpack_outcomes(text)


@pytest.mark.parametrize("block", [1, 3])
def test_the_interval_is_that_of_a_plain_bootstrap_over_twenty_problems(block: int) -> None:
    first, second = outcomes(0, 0.8), outcomes(1, 0.6)
    blocks = [slice(start, start + block) for start in range(0, 20, block)]
    rng, differences = random.Random(0), []
    for _ in range(4000):
        chosen = [rng.choice(blocks) for _ in blocks]
        drawn = [np.concatenate([counts[place] for place in chosen]) for counts in (first, second)]
        differences.append(f1(drawn[0]) - f1(drawn[1]))
    found = paired_difference([first], [second], block=block)
    assert found.value == pytest.approx(f1(first) - f1(second))
    assert (found.low, found.high) == pytest.approx(np.quantile(differences, [0.025, 0.975]).tolist(), abs=0.015)
    assert found.problems == 20


def test_pairing_makes_the_interval_narrower_where_errors_go_together() -> None:
    first = outcomes(0, 0.7, 500)
    second = first.copy()
    second[:10] = [0, 3, 3]
    paired = paired_difference([first], [second])
    apart = paired_difference([first], [second[np.random.default_rng(0).permutation(500)]])
    assert paired.clear
    assert paired.high - paired.low < 0.5 * (apart.high - apart.low)


def test_the_seeds_are_pooled_and_the_sign_follows_the_order() -> None:
    first, second = [outcomes(seed, 0.8) for seed in (0, 1)], [outcomes(seed, 0.5) for seed in (2, 3)]
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there.value == pytest.approx(f1(np.concatenate(first)) - f1(np.concatenate(second)))
    assert there.value == pytest.approx(-back.value)
    assert there.problems == 40


@pytest.mark.parametrize("block", [1, 5])
def test_problems_that_every_seed_has_are_no_more_sure_with_more_seeds(block: int) -> None:
    first, second = outcomes(0, 0.8, 100), outcomes(1, 0.7, 100)
    once = paired_difference([first], [second], block=block)
    assert paired_difference([first] * 3, [second] * 3, block=block, redrawn=False) == once
    apart = paired_difference([first] * 3, [second] * 3, block=block)
    assert apart.high - apart.low < 0.7 * (once.high - once.low), "three times as many problems"


def test_seeds_of_the_same_problems_are_averaged() -> None:
    first, second = ([outcomes(seed, share) for seed in (0, 1, 2)] for share in (0.8, 0.5))
    found = paired_difference(first, second, redrawn=False)
    assert found.value == pytest.approx(f1(np.concatenate(first)) - f1(np.concatenate(second)))
    assert found.problems == 20


def test_the_negative_of_a_difference_is_that_of_the_models_in_the_other_order() -> None:
    found = Difference(value=0.25, low=0.125, high=0.5, problems=7)
    assert -found == Difference(value=-0.25, low=-0.5, high=-0.125, problems=7)


def test_equal_answers_are_never_clearly_different() -> None:
    counts = outcomes(0, 0.6, 200)
    assert paired_difference([counts], [counts]) == Difference(value=0.0, low=0.0, high=0.0, problems=200)


def test_intervals_hold_the_true_difference_as_often_as_they_say() -> None:
    held = [
        found.low <= 0.0 <= found.high
        for seed in range(200)
        for found in [paired_difference([outcomes(seed, 0.7, 100)], [outcomes(1000 + seed, 0.7, 100)])]
    ]
    assert 0.9 <= sum(held) / len(held) <= 0.99


@pytest.mark.parametrize(("first", "second"), [([outcomes(0, 0.5, 3)], [outcomes(0, 0.5, 4)]), ([], [])])
def test_other_problems_cannot_be_paired(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="same problems"):
        paired_difference(first, second)


@pytest.mark.parametrize("block", [1, 7])
def test_the_interval_of_an_f1_is_that_of_a_plain_bootstrap(block: int) -> None:
    counts = outcomes(3, 0.8, count=210)
    low, high = f1_interval(counts, block=block)
    blocks = counts.reshape(-1, block, 3).sum(1)
    rng = np.random.default_rng(11)
    drawn = [f1(blocks[rng.integers(len(blocks), size=len(blocks))]) for _ in range(3000)]
    assert np.allclose([low, high], np.quantile(drawn, [0.025, 0.975]), atol=0.004)
    assert low < f1(counts) < high


def test_the_interval_of_certain_or_absent_pairs_is_a_point_and_of_no_problems_an_error() -> None:
    assert f1_interval(np.tile([0, 2, 1], (9, 1))) == (0.0, 0.0)
    assert f1_interval(np.zeros((9, 3), dtype=np.int64)) == (1.0, 1.0)
    with pytest.raises(ValueError, match="needs the outcomes of some problems"):
        f1_interval(np.zeros((0, 3), dtype=np.int64))
