"""What problems are like, and which others are unlike them."""

import pytest
import torch

import hnetzoo
from hnetzoo.association.coverage import Coverage, coverage, outside

CHORDS = Coverage(slots=(2, 4), masks=False, distances=((0.0, 2.0), (14.0, 300.0)))


def distances(low: float, high: float, n: int = 3, b: int = 50) -> torch.Tensor:
    return low + (high - low) * torch.rand(b, n, n, generator=torch.Generator().manual_seed(0))


def test_ranges_show_gaps_between_near_and_far_slots() -> None:
    batch = hnetzoo.load_dataset("doa-reference").load("train", seed=0)
    seen = coverage(*batch.problems)
    assert seen.slots == (2, 2)
    assert not seen.masks
    (near, far) = seen.distances
    assert near[0] == 0.0
    assert near[1] == pytest.approx(2.0, abs=0.3)
    assert far[0] > 5


def test_slots_are_those_of_masked_problems_that_are_not_empty() -> None:
    batch = hnetzoo.load_dataset("doa", max_doas=5, counts="known", samples=2000).load("train", seed=0)
    seen = coverage(*batch.problems)
    assert seen.slots == (1, 5)
    assert seen.masks
    assert len(seen.distances) == 1


@pytest.mark.parametrize("fill", [torch.nan, torch.inf, -1e9])
def test_values_outside_the_masks_are_not_seen(fill: float) -> None:
    mask = torch.tensor([[True, True, False]]).expand(50, 3)
    problems = distances(0, 1).masked_fill(~hnetzoo.valid_cells(mask, mask), fill)
    assert coverage(problems, mask, mask) == coverage(
        distances(0, 1).masked_fill(~hnetzoo.valid_cells(mask, mask), 0.5), mask, mask
    )
    assert outside(Coverage((2, 2), True, ((0.0, 1.0),)), problems, mask, mask) == []


@pytest.mark.parametrize(
    ("problems", "expected"),
    [
        (distances(0, 2), []),
        (distances(0, 2, n=5), ["slots"]),
        (distances(0, 2, n=1), ["slots"]),
        (57.3 * distances(0, 2), ["distances"]),
        (distances(4, 8), ["distances"]),
        (distances(20, 200), []),
        (torch.zeros(0, 3, 3), []),
        (torch.zeros(4, 0, 3), []),
    ],
)
def test_what_is_unlike_is_named(problems: torch.Tensor, expected: list[str]) -> None:
    assert outside(CHORDS, problems) == expected


def test_masks_are_unlike_where_none_were_seen() -> None:
    mask = torch.ones(50, 3, dtype=torch.bool)
    mask[0, 0] = False
    assert outside(CHORDS, distances(0, 2), mask) == ["masks"]
    assert outside(CHORDS._replace(masks=True), distances(0, 2), mask) == []


def test_a_few_distances_beyond_the_ranges_are_nothing() -> None:
    problems = distances(0, 2)
    problems[0, 0, 0] = 7.0
    assert outside(CHORDS, problems) == []


@pytest.mark.parametrize("make", [torch.zeros, lambda *shape: -torch.rand(*shape), torch.randn])
def test_every_problem_is_like_itself(make: object) -> None:
    assert callable(make)
    problems = make(20, 4, 4)
    assert outside(coverage(problems), problems) == []


def test_no_problems_have_no_slots_and_no_distances() -> None:
    assert coverage(torch.zeros(0, 2, 2)) == Coverage((0, 0), False, ())
    assert outside(coverage(torch.zeros(0, 2, 2)), torch.zeros(0, 2, 2)) == []
