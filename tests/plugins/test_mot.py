"""Dataset mot: problems of MOTChallenge sequences."""

from itertools import combinations, permutations, product
from typing import Any

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo.boxes import centre_distance, intersection_over_union, iou_distance
from tests.plugins.mot import Line, WriteSequence, box, load_mot

SPEEDS = (1.0, 2.0, 3.5, 7.0)


def rasterised_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Return the intersection over union of boxes with whole coordinates, by counting pixels."""
    pixels = [
        set(product(range(x, x + width), range(y, y + height)))
        for x, y, width, height in (first.astype(int).tolist(), second.astype(int).tolist())
    ]
    return len(pixels[0] & pixels[1]) / len(pixels[0] | pixels[1])


def test_iou_counts_common_pixels() -> None:
    rng = np.random.default_rng(0)
    boxes = np.concatenate((rng.integers(-5, 8, (2, 30, 2)), rng.integers(1, 9, (2, 30, 2))), axis=-1).astype(float)
    expected = [[rasterised_iou(first, second) for second in boxes[1]] for first in boxes[0]]
    np.testing.assert_allclose(intersection_over_union(boxes[0], boxes[1]), expected, atol=1e-12)
    np.testing.assert_allclose(iou_distance(boxes[0], boxes[1]), 1 - np.array(expected), atol=1e-12)


def test_centre_distance_is_in_mean_heights() -> None:
    first, second = np.array([[0.0, 0.0, 4.0, 10.0]]), np.array([[3.0, 9.0, 4.0, 20.0]])
    assert centre_distance(first, second).item() == pytest.approx(np.hypot(3, 14) / 15)


def test_slots_without_boxes_have_finite_distances() -> None:
    nothing = np.zeros((2, 4))
    assert np.isfinite(iou_distance(nothing, nothing)).all()
    assert np.isfinite(centre_distance(nothing, nothing)).all()


def best_matching(iou: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    """Return the best of all matchings: the most pairs of at least the threshold, then the largest total."""
    n, m = iou.shape
    matchings = (
        tuple(zip(rows, columns, strict=True))
        for size in range(min(n, m) + 1)
        for rows in combinations(range(n), size)
        for columns in permutations(range(m), size)
    )
    allowed = (pairs for pairs in matchings if all(iou[pair] >= threshold for pair in pairs))
    return set(max(allowed, key=lambda pairs: (len(pairs), sum(iou[pair] for pair in pairs))))


@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_detections_are_matched_within_the_gate(write_sequence: WriteSequence, threshold: float) -> None:
    rng = np.random.default_rng(1)
    lines: tuple[list[Line], list[Line]] = ([], [])
    for frame, side in product(range(1, 121), range(2)):
        lines[side].extend(box(frame, i, *rng.uniform(0, 12, 2)) for i in range(rng.integers(0, 5)))
    batch = load_mot(write_sequence(*lines), iou_threshold=threshold)
    assert len(batch.distance) == 120
    for distance, truth, rows, columns in zip(*list(batch.tensors.values())[:4], strict=True):
        iou = 1 - distance[rows][:, columns].double().numpy()
        found = {tuple(pair) for pair in truth[rows][:, columns].nonzero().tolist()}
        assert found == best_matching(iou, threshold)
        assert truth.sum() == len(found)


def test_pairs_beyond_the_gate_are_forbidden_before_matching(write_sequence: WriteSequence) -> None:
    """Without the gate, two pairs of IoU .46, both beyond it, are the best; with the gate, the pair of .6 is."""
    path = write_sequence([box(1, 1, 0.0), box(1, 2, 6.2)], [box(1, -1, 2.5), box(1, -1, -3.7)])
    batch = load_mot(path)
    assert batch.association.sum() == 1
    assert batch.distance[batch.association].item() == pytest.approx(0.4)


def scene(frames: int, seed: int = 0) -> tuple[list[Line], list[Line]]:
    """Return truth and detections of people far apart, of different speeds; there are misses and false detections."""
    rng = np.random.default_rng(seed)
    truth: list[Line] = []
    found: list[Line] = []
    for frame in range(1, frames + 1):
        people = [box(frame, i + 1, speed * frame, 100.0 * i) for i, speed in enumerate(SPEEDS)]
        truth += people
        seen = [(frame, -1, *person[2:]) for person in people if rng.random() < 0.8]
        seen += [box(frame, -1, 0.0, 1000.0 + 100 * i) for i in range(rng.integers(0, 3))]
        found += [seen[i] for i in rng.permutation(len(seen))]
    rng.shuffle(truth)
    return truth, found


@pytest.mark.parametrize("steps", [1, 6])
def test_tracking_pairs_detections_of_one_identity(write_sequence: WriteSequence, steps: int) -> None:
    truth, found = scene(40)
    batch = load_mot(write_sequence(truth, found), mode="tracking", steps=steps, distance="centre")
    tops = {frame: [line[3] for line in found if line[0] == frame] for frame in range(1, 41)}
    assert len(batch.distance) == 40 - steps
    for frame, problem in enumerate(zip(*list(batch.tensors.values())[:4], strict=True), start=1):
        distance, association, rows, columns = problem
        before, after = tops[frame], tops[frame + steps]
        assert (rows.sum(), columns.sum()) == (len(before), len(after))
        both = {top for top in before if top < 1000} & set(after)
        expected = sorted(SPEEDS[int(top // 100)] * steps / 10 for top in both)
        np.testing.assert_allclose(sorted(distance[association].tolist()), expected, rtol=1e-5)


def test_false_detections_have_no_identity_even_if_they_do_not_move(write_sequence: WriteSequence) -> None:
    path = write_sequence([box(frame, 1, 0.0) for frame in (1, 2)], [box(frame, -1, 500.0) for frame in (1, 2)])
    batch = load_mot(path, mode="tracking", steps=1)
    assert batch.distance[batch.cells].item() == 0
    assert not batch.association.any()


def marked_frames(write_sequence: WriteSequence, count: int, **settings: Any) -> list[tuple[list[int], int]]:
    """Return for each split which frames its problems use, and how many problems it has.

    The position of the only person is the square of the frame number, so a distance tells which two frames it is of.
    """
    truth = [(frame, 1, frame**2, 0, 1000, 1000, 1) for frame in range(1, count + 1)]
    path = write_sequence(truth, [(*line[:1], -1, *line[2:]) for line in truth])
    steps = settings["steps"]
    used = []
    for split in ("train", "validation", "test"):
        batch = load_mot(path, split, mode="tracking", distance="centre", **settings)
        first = ((batch.distance.flatten().double() * 1000 - steps**2) / (2 * steps)).round().int().tolist()
        used.append((sorted({*first, *(frame + steps for frame in first)}), len(first)))
    return used


@pytest.mark.parametrize("steps", [1, 7])
def test_splits_are_contiguous_and_share_no_frame(write_sequence: WriteSequence, steps: int) -> None:
    shares = {"validation_share": 0.2, "test_share": 0.3}
    used = marked_frames(write_sequence, 100, steps=steps, **shares)
    assert [frames for frames, _ in used] == [list(range(1, 51)), list(range(51, 71)), list(range(71, 101))]
    assert [count for _, count in used] == [50 - steps, 20 - steps, 30 - steps]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([0], "steps.0 = 0: Input should be greater than 0"),
        (0, "steps = 0: Input should be greater than 0"),
        ([], "at least 1 item"),
        ([5, 1, 5], "a number is repeated"),
    ],
)
def test_wrong_steps_are_refused(write_sequence: WriteSequence, steps: object, message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        load_mot(write_sequence(*scene(10)), mode="tracking", steps=steps)


@pytest.mark.parametrize("split", hnetzoo.SPLITS)
def test_of_several_steps_a_split_has_the_problems_of_each(write_sequence: WriteSequence, split: hnetzoo.Split) -> None:
    path = write_sequence(*scene(60))
    settings = {"mode": "tracking", "distance": "motion", "validation_share": 0.3, "test_share": 0.3}
    both = load_mot(path, split, steps=[1, 6], **settings)
    one, six = (load_mot(path, split, steps=steps, **settings) for steps in (1, 6))
    assert len(both.distance) == len(one.distance) + len(six.distance)
    for found, expected in (
        (both.select(slice(len(one.distance))), one),
        (both.select(slice(len(one.distance), None)), six),
    ):
        assert found.association.sum() == expected.association.sum() > 0
        for name in ("distance", "row_features", "col_features"):  # slots are in another order
            assert torch.equal(*(x.tensors[name].flatten().sort().values for x in (found, expected)))


def test_equal_boxes_are_at_distance_zero_however_they_are_rounded() -> None:
    rng = np.random.default_rng(0)
    same = np.concatenate((rng.uniform(0, 2000, (500, 2)), rng.uniform(1, 99, (500, 2))), 1)
    assert (iou_distance(same, same) >= 0).all()


def walk(*places: tuple[int, float]) -> list[Line]:
    """Return lines of one person, at a place in each of some frames, and of nobody else."""
    return [box(frame, 1, left, 0.0) for frame, left in places]


def test_rows_know_how_their_tracks_moved_and_columns_do_not(write_sequence: WriteSequence) -> None:
    truth = walk(*((frame, 3.0 * frame) for frame in range(1, 9)))
    batch = load_mot(write_sequence(truth, truth), mode="tracking", steps=2, history=4, distance="motion")
    assert batch.row_features is not None
    assert batch.col_features is not None
    expected = [[6.0 if age else 0.0, 0.0, float(age)] for age in (0, 1, 2, 3, 4, 4)]
    np.testing.assert_allclose(batch.row_features[:, 0, 4:7], expected, atol=1e-5)
    assert not batch.col_features[:, :, 4:7].any()
    np.testing.assert_allclose(batch.distance.flatten(), [0.6, 0, 0, 0, 0, 0], atol=1e-5)


def test_a_history_with_gaps_reaches_back_to_the_earliest_frame_that_it_may_use(write_sequence: WriteSequence) -> None:
    truth = walk((1, 0.0), (2, 50.0), (4, 30.0), (5, 31.0), (6, 36.0))
    batch = load_mot(write_sequence(truth, truth), mode="tracking", steps=1, history=3)
    assert batch.row_features is not None
    moved = batch.row_features[[3, 4], 0][:, [4, 6]].tolist()  # of frames 4 and 5, per frame
    np.testing.assert_allclose(moved, [[(30 - 0) / 3, 3], [(31 - 50) / 3, 3]], atol=1e-5)


def test_the_age_of_a_track_does_not_tell_whether_it_has_an_identity(write_sequence: WriteSequence) -> None:
    truth = [box(frame, 1, 3.0 * frame) for frame in range(1, 9)]
    ghost = [box(frame, -1, 200 + 3.0 * frame) for frame in range(1, 9)]
    batch = load_mot(write_sequence(truth, truth + ghost), mode="tracking", steps=1, history=3)
    assert batch.row_features is not None
    paired = batch.association.any(2)
    assert paired.sum() == 7, "the ghost has no pair"
    ages = batch.row_features[..., 6]
    assert torch.equal(ages[paired], ages[~paired & batch.row_mask])
    assert ages[paired].tolist() == [0, 1, 2, 3, 3, 3, 3]
    assert torch.allclose(batch.row_features[..., 4][ages > 0], torch.tensor(3.0))


def test_a_history_does_not_know_the_frame_to_be_matched(write_sequence: WriteSequence) -> None:
    """Rows are the same wherever the columns turn out to be; nor do rows of a split know frames before it."""
    places = [(frame, 3.0 * frame) for frame in range(1, 11)]
    rows = []
    for name, last in (("near", 30.0), ("far", 500.0)):
        truth = walk(*places[:-1], (10, last))
        rows.append(load_mot(write_sequence(truth, truth, name=name), mode="tracking", steps=1).row_features)
    assert torch.equal(*rows)
    truth = walk(*places)
    test = load_mot(write_sequence(truth, truth), "test", mode="tracking", steps=1, test_share=0.5)
    assert test.row_features is not None
    assert test.row_features[:, 0, 6].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_splits_by_sequence_take_whole_sequences(write_sequence: WriteSequence) -> None:
    for index, name in enumerate("abcd"):
        write_sequence(*([box(frame, 1, 0.0) for frame in range(1, 11 + index)] for _ in range(2)), name=name)
    street = write_sequence([box(1, 1, 0.0)], [box(1, 1, 0.0)], name="e").parent
    settings = {"validation_sequences": ["c"], "test_sequences": ["b", "e"]}
    sizes = [len(load_mot(street, split, **settings).distance) for split in ("train", "validation", "test")]
    assert sizes == [10 + 13, 12, 11 + 1]


def test_empty_frames_are_kept(write_sequence: WriteSequence) -> None:
    path = write_sequence([box(2, 1, 0.0), box(3, 1, 0.0)], [box(3, -1, 0.0), box(6, -1, 0.0)])
    batch = load_mot(path)
    assert batch.row_mask.sum(1).tolist() == [0, 1, 1, 0, 0, 0]
    assert batch.col_mask.sum(1).tolist() == [0, 0, 1, 0, 0, 1]
    assert batch.association.sum((1, 2)).tolist() == [0, 0, 1, 0, 0, 0]


def test_ignored_boxes_are_left_out_with_the_predictions_on_them(write_sequence: WriteSequence) -> None:
    truth = [box(1, 1, 0.0), box(1, 2, 50.0, 0.0, 0)]
    path = write_sequence(truth, [box(1, -1, 1.0), box(1, -1, 51.0), box(1, -1, 200.0)])
    batch = load_mot(path)
    assert (batch.row_mask.sum(), batch.col_mask.sum(), batch.association.sum()) == (1, 2, 1)
    kept = load_mot(path, keep_ignored=True)
    assert (kept.row_mask.sum(), kept.col_mask.sum(), kept.association.sum()) == (2, 3, 2)


def test_predictions_of_low_confidence_can_be_left_out(write_sequence: WriteSequence) -> None:
    path = write_sequence([box(1, 1, 0.0)], [box(1, -1, 0.0, 0.0, 0.3), box(1, -1, 50.0, 0.0, 0.9)])
    batch = load_mot(path, min_confidence=0.5)
    assert (batch.col_mask.sum(), batch.association.sum()) == (1, 0)


def test_seed_only_orders_slots(write_sequence: WriteSequence) -> None:
    path = write_sequence(*scene(60))
    first, again, other = (load_mot(path, seed=seed, mode="tracking", steps=2) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not torch.equal(first.association, other.association)
    for field in (0, 1):
        contents = [batch[field].flatten(1).sort(1).values for batch in (first, other)]
        assert torch.equal(*contents)


def test_number_of_slots_is_the_largest_number_of_boxes_of_any_split(write_sequence: WriteSequence) -> None:
    path = write_sequence(
        [box(1, i, 20.0 * i) for i in range(3)] + [box(10, 1, 0.0)], [box(10, -1, 20.0 * i) for i in range(5)]
    )
    assert hnetzoo.load_dataset("mot", sequences=path).shape == (3, 5)
    assert hnetzoo.load_dataset("mot", sequences=path, mode="tracking").shape == (5, 5)


def test_sequence_without_predictions_has_only_misses(write_sequence: WriteSequence) -> None:
    batch = load_mot(write_sequence([box(1, 1, 0.0), box(2, 1, 0.0)], ""))
    assert batch.distance.shape == (2, 1, 1)
    assert not batch.col_mask.any()
    assert not batch.association.any()


def test_empty_files_have_no_problem(write_sequence: WriteSequence) -> None:
    dataset = hnetzoo.load_dataset("mot", sequences=write_sequence("", ""))
    assert dataset.shape == (1, 1)
    with pytest.raises(hnetzoo.DataError, match=r"train split has no problems \(frames: street 0; steps: 0\)"):
        dataset.load("train", 0)


def test_steps_beyond_a_split_are_refused(write_sequence: WriteSequence) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"test split has no problems \(frames: street 40; steps: 20\); lower"):
        load_mot(write_sequence(*scene(40)), "test", mode="tracking", steps=20)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0.7, "test_share": 0.7}, "together exceed 1"),
        ({"validation_sequences": ["a"], "test_sequences": ["a", "b"]}, "share a; name it once"),
        ({"iou_threshold": 0}, "greater than 0"),
        ({"sequences": []}, "at least 1 item"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_dataset("mot", **{"sequences": "anywhere", **settings})


def test_solvers_can_be_evaluated(write_sequence: WriteSequence) -> None:
    from hnetzoo.benchmark.run import run_benchmark
    from hnetzoo.benchmark.suite import Entry, Suite

    settings = {"sequences": str(write_sequence(*scene(60))), "mode": "tracking", "steps": 1, "distance": "centre"}
    suite = Suite(models=("hungarian", "hungarian-gated"), datasets=(Entry(name="mot", settings=settings),))
    rows = {row.model: row for row in run_benchmark(suite, hnetzoo.discover()).rows}
    assert rows["hungarian"].problems == 11
    assert rows["hungarian-gated"].f1 > 0.5
