"""Tracking metrics against brute force over all matchings, and against sequences worked out by hand."""

from collections.abc import Iterator
from itertools import combinations, permutations
from math import inf, isnan

import numpy as np
import pytest
import torch
from torch import Tensor

from hnetzoo import ConfigError, DataError, ShapeError
from hnetzoo.tracking_metrics import TrackingCounts, clear_association, clear_mot, gospa, localization, ospa

Pairs = tuple[tuple[int, int], ...]


def matchings(rows: list[int], columns: list[int]) -> Iterator[Pairs]:
    """Yield every set of disjoint pairs."""
    for size in range(min(len(rows), len(columns)) + 1):
        for chosen in combinations(rows, size):
            for order in permutations(columns, size):
                yield tuple(zip(chosen, order, strict=True))


def best(distance: np.ndarray, rows: list[int], columns: list[int], gate: float) -> Pairs:
    """Return the matching with the most pairs within the gate, then the least total distance."""
    legal = (pairs for pairs in matchings(rows, columns) if all(distance[pair] <= gate for pair in pairs))
    return min(legal, key=lambda pairs: (-len(pairs), sum(distance[pair] for pair in pairs)))


def walk(
    distance: Tensor, rows: Tensor, columns: Tensor, gate: float, identity: Tensor, *, keep: bool
) -> TrackingCounts:
    """Return the counts, computed with dictionaries; `keep` keeps pairs of the frame before, as in CLEAR."""
    matches, switches, total = 0, 0, 0.0
    for sequence in range(len(distance)):
        ever: dict[int, tuple[int, int]] = {}
        before: Pairs = ()
        for frame, problem in enumerate(distance[sequence].numpy()):
            owner = identity[sequence, frame].tolist()
            there = (
                rows[sequence, frame].nonzero().flatten().tolist(),
                columns[sequence, frame].nonzero().flatten().tolist(),
            )
            kept = [
                (i, j)
                for i, j in (before if keep else ())
                if i in there[0] and j in there[1] and problem[i, j] <= gate and ever[i][0] == owner[i]
            ]
            free = ([i for i in there[0] if i not in dict(kept)], [j for j in there[1] if j not in dict(kept).values()])
            before = (*kept, *best(problem, *free, gate))
            for i, j in before:
                matches, total = matches + 1, total + problem[i, j]
                switches += i in ever and ever[i][0] == owner[i] and ever[i][1] != j
                ever[i] = owner[i], j
    return TrackingCounts(
        references=int(rows.sum()), predictions=int(columns.sum()), matches=matches, switches=switches,
        total_distance=pytest.approx(total),
    )  # fmt: skip


def sequences(n: int, m: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Return distances that change slowly, so that keeping pairs matters, and masks."""
    steps = torch.randn(4, 12, n, m, generator=generator, dtype=torch.float64).cumsum(1)
    masks = (torch.rand(4, 12, size, generator=generator) < 0.8 for size in (n, m))
    return steps.abs() / 3, *masks


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 4), (0, 2), (2, 0)])
@pytest.mark.parametrize("gate", [None, 0.8])
def test_counts_agree_with_brute_force(n: int, m: int, gate: float | None, generator: torch.Generator) -> None:
    distance, rows, columns = sequences(n, m, generator)
    identity = torch.randint(0, 3, (4, 12, n), generator=generator).sort(1).values
    for owner in (None, identity):
        who = torch.zeros_like(identity) if owner is None else owner
        for count, keep in ((localization, False), (clear_mot, True)):
            expected = walk(distance, rows, columns, inf if gate is None else gate, who, keep=keep)
            assert count(distance, rows, columns, gate=gate, identity=owner) == expected


def test_what_is_outside_the_masks_is_never_read(generator: torch.Generator) -> None:
    distance, rows, columns = sequences(2, 3, generator)
    hidden = distance.masked_fill(~(rows.unsqueeze(3) & columns.unsqueeze(2)), torch.nan)
    for count in (localization, clear_mot):
        assert count(hidden, rows, columns, gate=0.8) == count(distance, rows, columns, gate=0.8)
    for measure in (ospa, lambda *arguments, cutoff: gospa(*arguments, cutoff=cutoff).total):
        torch.testing.assert_close(
            measure(hidden, rows, columns, cutoff=0.8), measure(distance, rows, columns, cutoff=0.8)
        )


def test_a_sequence_worked_out_by_hand() -> None:
    """Two sources, two tracks, gate 1.

    Frame 1: both matched. 2: the crossing is cheaper, but the pairs of frame 1 hold. 3: the second source is missed,
    and track 2 is a false positive. 4: the second source is found by track 1, the first by track 2: two switches.
    """
    distance = torch.tensor([[
        [[0.1, 2.0], [2.0, 0.2]],
        [[0.9, 0.1], [0.1, 0.8]],
        [[0.3, 2.0], [2.0, 1.5]],
        [[1.5, 0.4], [0.5, 1.5]],
    ]])  # fmt: skip
    counts = clear_mot(distance, gate=1.0)
    assert (counts.misses, counts.false_positives, counts.switches) == (1, 1, 2)
    assert counts.mota == pytest.approx(1 - 4 / 8)
    assert counts.mean_distance == pytest.approx((0.1 + 0.2 + 0.9 + 0.8 + 0.3 + 0.4 + 0.5) / 7)
    assert (counts.recall, counts.precision, counts.f1) == pytest.approx((7 / 8, 7 / 8, 7 / 8))
    assert localization(distance, gate=1.0).switches == 4  # the first source three times, the second once


@pytest.mark.parametrize("count", [localization, clear_mot])
def test_the_gate_comes_before_matching(count) -> None:
    """Matching first would take 2.0 and 2.0, at a total of 4, and lose both to the gate; 1.0 is within it."""
    counts = count(torch.tensor([[[[2.0, 1.0], [9.0, 2.0]]]]), gate=1.5)
    assert (counts.matches, counts.mean_distance) == (1, 1.0)


@pytest.mark.parametrize("count", [localization, clear_mot])
@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 0)])
def test_scores_are_perfect_without_references_and_predictions(count, shape: tuple[int, ...]) -> None:
    counts = count(torch.zeros(shape), gate=1.0)
    assert counts == TrackingCounts()
    assert (counts.recall, counts.precision, counts.f1, counts.mota) == (1, 1, 1, 1)
    assert isnan(counts.mean_distance)


def test_scores_are_zero_with_only_false_alarms_or_only_misses() -> None:
    alarms, misses = localization(torch.zeros(1, 3, 0, 2)), localization(torch.zeros(1, 3, 2, 0))
    assert (alarms.recall, alarms.precision, alarms.f1, alarms.mota) == (0, 0, 0, 1 - 6)
    assert (misses.recall, misses.precision, misses.f1, misses.mota) == (0, 0, 0, 0)


def test_counts_of_batches_add_up_to_the_counts_of_all(generator: torch.Generator) -> None:
    distance, rows, columns = sequences(3, 3, generator)
    whole = clear_mot(distance, rows, columns, gate=1.0)
    parts = [clear_mot(distance[i], rows[i], columns[i], gate=1.0) for i in (slice(0, 1), slice(1, 4))]
    added = parts[0] + parts[1]
    assert added.total_distance == pytest.approx(whole.total_distance)
    assert (added.references, added.predictions, added.matches, added.switches) == (
        whole.references, whole.predictions, whole.matches, whole.switches,
    )  # fmt: skip


def brute_gospa(distance: np.ndarray, cutoff: float, order: float) -> float:
    n, m = distance.shape
    costs = [
        sum(min(distance[pair], cutoff) ** order for pair in pairs) + cutoff**order / 2 * (n + m - 2 * len(pairs))
        for pairs in matchings(list(range(n)), list(range(m)))
    ]
    return min(costs) ** (1 / order)


def brute_ospa(distance: np.ndarray, cutoff: float, order: float) -> float:
    few, many = sorted(distance.shape)
    distance = distance if distance.shape == (few, many) else distance.T
    if many == 0:
        return 0.0
    sums = [
        sum(min(distance[i, j], cutoff) ** order for i, j in enumerate(columns))
        for columns in permutations(range(many), few)
    ]
    return ((min(sums) + cutoff**order * (many - few)) / many) ** (1 / order)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 4), (5, 5), (0, 2), (2, 0), (0, 0)])
@pytest.mark.parametrize(("cutoff", "order"), [(0.5, 1), (0.5, 2), (2.0, 1)])
def test_ospa_and_gospa_agree_with_brute_force(
    n: int, m: int, cutoff: float, order: float, generator: torch.Generator
) -> None:
    distance = torch.rand(2, 3, n, m, generator=generator, dtype=torch.float64)
    rows, columns = (torch.rand(2, 3, size, generator=generator) < 0.8 for size in (n, m))
    found = (
        ospa(distance, rows, columns, cutoff=cutoff, order=order),
        gospa(distance, rows, columns, cutoff=cutoff, order=order),
    )
    for place in np.ndindex(2, 3):
        problem = distance[place][rows[place]][:, columns[place]].numpy()
        assert found[0][place].item() == pytest.approx(brute_ospa(problem, cutoff, order))
        assert found[1].total[place].item() == pytest.approx(brute_gospa(problem, cutoff, order))
    parts = found[1].localization + found[1].missed + found[1].false
    torch.testing.assert_close(found[1].total ** order, parts)


def test_a_pair_at_the_cutoff_is_a_miss_and_a_false_alarm() -> None:
    parts = gospa(torch.tensor([[[[2.0]]]]), cutoff=2.0, order=2.0)
    assert [part.item() for part in parts] == [2.0, 0.0, 2.0, 2.0]


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ShapeError, match=r"^expected sequences \[b, t, n, m\], got \[2, 2\]"):
        clear_mot(torch.zeros(2, 2))
    with pytest.raises(ConfigError, match=r"^cutoff is 0 and order 1; the cutoff must be positive"):
        ospa(torch.zeros(1, 1, 1, 1), cutoff=0, order=1)
    for count in (localization, clear_mot):
        with pytest.raises(DataError, match=r"^distance is nan at problem 0, row 0, column 0"):
            count(torch.full((1, 1, 1, 1), torch.nan))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_set_distances_keep_the_type_and_the_digits_of_the_distances(dtype: torch.dtype) -> None:
    distance, columns = torch.zeros(1, 1, 2, 3, dtype=dtype), torch.ones(1, 1, 3, dtype=torch.bool)
    columns[0, 0, 0] = False
    parts = gospa(distance, None, columns, cutoff=0.1, order=1.0), gospa(distance[:, :, :1], cutoff=0.1)
    for part in (*parts[0], *parts[1], ospa(distance, cutoff=0.1)):
        assert part.dtype == dtype
    third = torch.tensor(0.1, dtype=dtype)
    assert parts[1].false.item() == third.item()
    assert ospa(distance, cutoff=0.1).item() == (third / 3).item()


def moved(
    distance: Tensor, rows: Tensor, columns: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
    """Return the sequences with slots permuted in every frame, and the identities of sources and tracks."""
    orders = [torch.rand(mask.shape, generator=generator).argsort(-1) for mask in (rows, columns)]
    moved_rows, moved_columns = rows.gather(2, orders[0]), columns.gather(2, orders[1])
    shuffled = distance.take_along_dim(orders[0].unsqueeze(3), 2).take_along_dim(orders[1].unsqueeze(2), 3)
    return shuffled, moved_rows, moved_columns, {"reference_identity": orders[0], "prediction_identity": orders[1]}


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 4), (5, 6), (0, 2), (2, 0)])
@pytest.mark.parametrize("count", [localization, clear_mot])
def test_with_identities_the_order_of_slots_does_not_matter(n: int, m: int, count, generator: torch.Generator) -> None:
    distance, rows, columns = sequences(n, m, generator)
    expected = count(distance, rows, columns, gate=0.8)
    shuffled, moved_rows, moved_columns, identities = moved(distance, rows, columns, generator)
    found = count(shuffled, moved_rows, moved_columns, gate=0.8, **identities)
    assert found.total_distance == pytest.approx(expected.total_distance)
    assert (found.references, found.predictions, found.matches, found.switches) == (
        expected.references, expected.predictions, expected.matches, expected.switches,
    )  # fmt: skip


def test_many_sources_pass_through_few_slots() -> None:
    """A hundred sources, each for two frames in the only slot, matched with tracks of other numbers."""
    who = torch.arange(100).repeat_interleave(2).view(1, 200, 1)
    counts = clear_mot(torch.zeros(1, 200, 1, 1), reference_identity=who, prediction_identity=1000 - who)
    assert (counts.matches, counts.switches) == (200, 0)
    lost = who.clone()
    lost[0, 1::2] += 500  # every track is lost after a frame
    counts = clear_mot(torch.zeros(1, 200, 1, 1), reference_identity=who, prediction_identity=lost)
    assert (counts.matches, counts.switches) == (200, 100)


def test_a_source_that_returns_in_another_slot_keeps_its_last_track() -> None:
    present = torch.tensor([[[1, 0], [0, 0], [0, 1]]]).bool()
    sources = torch.tensor([[[7, 0], [0, 0], [0, 7]]])
    distance = torch.zeros(1, 3, 2, 1)
    for track, switches in (([4, 4, 4], 0), ([4, 4, 5], 1)):
        tracks = torch.tensor(track).view(1, 3, 1)
        counts = clear_mot(distance, present, reference_identity=sources, prediction_identity=tracks)
        assert counts.switches == switches


def test_kept_pairs_follow_their_source_and_track() -> None:
    distance = torch.tensor([[[[0.1, 9.0], [9.0, 0.1]], [[0.2, 0.6], [0.6, 0.2]]]])
    sources, tracks = torch.tensor([[[0, 1], [0, 1]]]), torch.tensor([[[0, 1], [1, 0]]])
    pairs = clear_association(distance, gate=1.0, reference_identity=sources, prediction_identity=tracks)
    assert pairs[0, 1].int().tolist() == [[0, 1], [1, 0]], "the tracks changed slots, and keep their sources"


def test_repeated_and_negative_identities_are_refused() -> None:
    distance = torch.zeros(1, 2, 2, 2)
    for numbers, what in (([[0, 1], [3, 3]], "a number is repeated"), ([[0, 1], [-1, 2]], "a number is below 0")):
        with pytest.raises(DataError, match=f"^reference_identity: {what} in sequence 0, frame 1; give numbers"):
            clear_mot(distance, reference_identity=torch.tensor([numbers]))
    with pytest.raises(ShapeError, match=r"^prediction_identity is int64 \[1, 2\]; give integers \[1, 2, 2\]"):
        localization(distance, prediction_identity=torch.zeros(1, 2, dtype=torch.int64))
