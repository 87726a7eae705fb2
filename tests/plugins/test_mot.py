"""Dataset mot: MOTChallenge folders, written here in small."""

from collections.abc import Callable, Iterable
from itertools import combinations, permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo_mot.boxes import centre_distance, intersection_over_union, iou_distance

Line = tuple[float, ...]
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a sequence folder from lines of ground truth and predictions."""

    def write_sequence(truth: Iterable[Line] | str, found: Iterable[Line] | str, name: str = "street") -> Path:
        for part, lines in (("gt", truth), ("det", found)):
            text = lines if isinstance(lines, str) else "".join(f"{','.join(map(str, line))}\n" for line in lines)
            path = tmp_path / name / part / f"{part}.txt"
            path.parent.mkdir(parents=True)
            path.write_bytes(text.encode())
        return tmp_path / name

    return write_sequence


def load(path: Any, split: hnetzoo.Split = "train", seed: int = 0, **settings: Any) -> hnetzoo.AssociationBatch:
    shares = {"validation_share": 0, "test_share": 0} if split == "train" else {}
    return hnetzoo.load_dataset("mot", sequences=path, **{**shares, **settings}).load(split, seed)


def box(frame: int, identity: int, left: float, top: float = 0.0, *more: float) -> Line:
    return (frame, identity, left, top, 10.0, 10.0, *(more or (1.0,)))


def rasterised_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Count the pixels of boxes with whole coordinates."""
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


def test_slots_without_boxes_have_numbers_for_distances() -> None:
    nothing = np.zeros((2, 4))
    assert np.isfinite(iou_distance(nothing, nothing)).all()
    assert np.isfinite(centre_distance(nothing, nothing)).all()


def best_matching(iou: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    """Try every matching: the most pairs of at least the threshold, then the largest total."""
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
def test_detections_are_matched_gate_first(write: Write, threshold: float) -> None:
    rng = np.random.default_rng(1)
    lines: tuple[list[Line], list[Line]] = ([], [])
    for frame, side in product(range(1, 121), range(2)):
        lines[side].extend(box(frame, i, *rng.uniform(0, 12, 2)) for i in range(rng.integers(0, 5)))
    batch = load(write(*lines), iou_threshold=threshold)
    assert len(batch.distance) == 120
    for distance, truth, rows, columns in zip(*batch.tensors.values(), strict=True):
        iou = 1 - distance[rows][:, columns].double().numpy()
        found = {tuple(pair) for pair in truth[rows][:, columns].nonzero().tolist()}
        assert found == best_matching(iou, threshold)
        assert truth.sum() == len(found)


def test_pair_beyond_the_gate_takes_no_box_from_one_within(write: Write) -> None:
    """Ungated, the best total IoU is .46 + .46, and both pairs would be dropped; gated first, the pair of .6 stays."""
    path = write([box(1, 1, 0.0), box(1, 2, 6.2)], [box(1, -1, 2.5), box(1, -1, -3.7)])
    batch = load(path)
    assert batch.association.sum() == 1
    assert batch.distance[batch.association].item() == pytest.approx(0.4)


SPEEDS = (1.0, 2.0, 3.5, 7.0)


def scene(frames: int, seed: int = 0) -> tuple[list[Line], list[Line]]:
    """Walkers far apart, each of its own speed; some detections missing, some false, in random order."""
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
def test_tracking_pairs_detections_of_one_identity(write: Write, steps: int) -> None:
    truth, found = scene(40)
    batch = load(write(truth, found), mode="tracking", steps=steps, distance="centre")
    tops = {frame: [line[3] for line in found if line[0] == frame] for frame in range(1, 41)}
    assert len(batch.distance) == 40 - steps
    for frame, problem in enumerate(zip(*batch.tensors.values(), strict=True), start=1):
        distance, association, rows, columns = problem
        before, after = tops[frame], tops[frame + steps]
        assert (rows.sum(), columns.sum()) == (len(before), len(after))
        both = {top for top in before if top < 1000} & set(after)
        expected = sorted(SPEEDS[int(top // 100)] * steps / 10 for top in both)
        np.testing.assert_allclose(sorted(distance[association].tolist()), expected, rtol=1e-5)


def test_false_detections_have_no_identity_even_where_they_stay(write: Write) -> None:
    path = write([box(frame, 1, 0.0) for frame in (1, 2)], [box(frame, -1, 500.0) for frame in (1, 2)])
    batch = load(path, mode="tracking", steps=1)
    assert batch.distance[batch.cells].item() == 0
    assert not batch.association.any()


def marked_frames(write: Write, count: int, **settings: Any) -> list[tuple[list[int], int]]:
    """Say for each split which frames its problems use, and how many problems it has.

    A lone person stands at the square of the frame number, so a distance tells which two frames it is of.
    """
    truth = [(frame, 1, frame**2, 0, 1000, 1000, 1) for frame in range(1, count + 1)]
    path = write(truth, [(*line[:1], -1, *line[2:]) for line in truth])
    steps = settings["steps"]
    used = []
    for split in ("train", "validation", "test"):
        batch = load(path, split, mode="tracking", distance="centre", **settings)
        first = ((batch.distance.flatten().double() * 1000 - steps**2) / (2 * steps)).round().int().tolist()
        used.append((sorted({*first, *(frame + steps for frame in first)}), len(first)))
    return used


@pytest.mark.parametrize("steps", [1, 7])
def test_splits_are_contiguous_and_share_no_frame(write: Write, steps: int) -> None:
    shares = {"validation_share": 0.2, "test_share": 0.3}
    used = marked_frames(write, 100, steps=steps, **shares)
    assert [frames for frames, _ in used] == [list(range(1, 51)), list(range(51, 71)), list(range(71, 101))]
    assert [count for _, count in used] == [50 - steps, 20 - steps, 30 - steps]


def test_splits_by_sequence_take_whole_sequences(write: Write) -> None:
    for index, name in enumerate("abcd"):
        write(*([box(frame, 1, 0.0) for frame in range(1, 11 + index)] for _ in range(2)), name=name)
    street = write([box(1, 1, 0.0)], [box(1, 1, 0.0)], name="e").parent
    settings = {"validation_sequences": ["c"], "test_sequences": ["b", "e"]}
    sizes = [len(load(street, split, **settings).distance) for split in ("train", "validation", "test")]
    assert sizes == [10 + 13, 12, 11 + 1]


def test_empty_frames_are_kept(write: Write) -> None:
    path = write([box(2, 1, 0.0), box(3, 1, 0.0)], [box(3, -1, 0.0), box(6, -1, 0.0)])
    batch = load(path)
    assert batch.row_mask.sum(1).tolist() == [0, 1, 1, 0, 0, 0]
    assert batch.col_mask.sum(1).tolist() == [0, 0, 1, 0, 0, 1]
    assert batch.association.sum((1, 2)).tolist() == [0, 0, 1, 0, 0, 0]


def test_ignored_boxes_leave_with_the_predictions_on_them(write: Write) -> None:
    truth = [box(1, 1, 0.0), box(1, 2, 50.0, 0.0, 0)]
    path = write(truth, [box(1, -1, 1.0), box(1, -1, 51.0), box(1, -1, 200.0)])
    batch = load(path)
    assert (batch.row_mask.sum(), batch.col_mask.sum(), batch.association.sum()) == (1, 2, 1)
    kept = load(path, keep_ignored=True)
    assert (kept.row_mask.sum(), kept.col_mask.sum(), kept.association.sum()) == (2, 3, 2)


def test_unsure_predictions_can_be_left_out(write: Write) -> None:
    path = write([box(1, 1, 0.0)], [box(1, -1, 0.0, 0.0, 0.3), box(1, -1, 50.0, 0.0, 0.9)])
    batch = load(path, min_confidence=0.5)
    assert (batch.col_mask.sum(), batch.association.sum()) == (1, 0)


def test_seed_orders_slots_and_changes_nothing_else(write: Write) -> None:
    path = write(*scene(60))
    first, again, other = (load(path, seed=seed, mode="tracking", steps=2) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not torch.equal(first.association, other.association)
    for field in (0, 1):
        contents = [batch[field].flatten(1).sort(1).values for batch in (first, other)]
        assert torch.equal(*contents)


def test_slots_hold_the_most_boxes_of_any_split(write: Write) -> None:
    path = write([box(1, i, 20.0 * i) for i in range(3)] + [box(10, 1, 0.0)], [box(10, -1, 20.0 * i) for i in range(5)])
    assert hnetzoo.load_dataset("mot", sequences=path).shape == (3, 5)
    assert hnetzoo.load_dataset("mot", sequences=path, mode="tracking").shape == (5, 5)


def test_tracker_output_elsewhere_is_found_by_the_name_of_the_sequence(write: Write, tmp_path: Path) -> None:
    path = write([box(1, 1, 0.0)], [])
    (tmp_path / "trackers").mkdir()
    (tmp_path / "trackers" / "street.txt").write_text("1,7,0,0,10,10,-1,-1,-1,-1\n")
    assert load(path, prediction_file="../trackers/{sequence}.txt").association.sum() == 1


def test_byte_order_mark_windows_lines_blank_lines_and_short_lines_are_read(write: Write) -> None:
    path = write("\ufeff1,1,0,0,10,10\r\n\r\n2.0, 1, 0, 0, 10, 10, 1\r\n", "1,-1,0,0,10,10,.5,-1,-1,-1,a note\n")
    assert load(path).association.sum((1, 2)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1,1,0,0,10", "5 of at least 6 columns"),
        ("frame,id,left,top,width,height", "could not convert string to float: 'frame'"),
        ("1 1 0 0 10 10", "1 of at least 6 columns"),
        ("1,1,0,0,nan,10,1", "a value is no number within 1e12"),
        ("1,1,1e300,0,10,10,1", "a value is no number within 1e12"),
        ("0,1,0,0,10,10,1", "the frame is no whole number from 1"),
        ("1.5,1,0,0,10,10,1", "the frame is no whole number from 1"),
        ("9e9,1,0,0,10,10,1", "the frame is no whole number from 1"),
        ("1,1.5,0,0,10,10,1", "the identity is no whole number"),
        ("1,1,0,0,0,10,1", "width and height are not both above 0"),
        ("1,1,0,0,10,-3,1", "width and height are not both above 0"),
    ],
)
@pytest.mark.parametrize("side", ["gt", "det"])
def test_malformed_line_is_reported_with_file_and_number(write: Write, side: str, line: str, what: str) -> None:
    good = "3,1,0,0,10,10,1\n"
    texts = [f"{good}\n{line}\n" if part == side else good for part in ("gt", "det")]
    with pytest.raises(hnetzoo.DataError, match=rf"{side}.txt', line 3: {what}; expected frame, identity, left"):
        load(write(*texts))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1,-1,0,0,10,10,1", "a ground-truth box without identity"),
        ("1,4,0,0,10,10,1", "identity 4 is in frame 1 already"),
    ],
)
def test_tracking_needs_one_box_per_identity_and_frame(write: Write, line: str, what: str) -> None:
    path = write(f"1,4,0,0,10,10,1\n{line}\n", "1,-1,0,0,10,10,1\n")
    assert load(path).association.sum() == 1
    with pytest.raises(hnetzoo.DataError, match=rf"gt.txt', line 2: {what}"):
        load(path, mode="tracking")


def test_sequence_without_predictions_is_all_misses(write: Write) -> None:
    batch = load(write([box(1, 1, 0.0), box(2, 1, 0.0)], ""))
    assert batch.distance.shape == (2, 1, 1)
    assert not batch.col_mask.any()
    assert not batch.association.any()


def test_empty_files_hold_no_problem(write: Write) -> None:
    dataset = hnetzoo.load_dataset("mot", sequences=write("", ""))
    assert dataset.shape == (1, 1)
    with pytest.raises(hnetzoo.DataError, match=r"train split has no problem \(frames: street 0; steps: 0\)"):
        dataset.load("train", 0)


def test_steps_beyond_a_split_are_refused(write: Write) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"test split has no problem \(frames: street 40; steps: 20\); lower"):
        load(write(*scene(40)), "test", mode="tracking", steps=20)


def test_missing_files_and_folders_are_named(write: Write, tmp_path: Path) -> None:
    path = write([box(1, 1, 0.0)], [])
    with pytest.raises(hnetzoo.DataError, match=r"cannot read '.*none.txt' \(No such file or directory\)"):
        load(path, prediction_file="none.txt")
    with pytest.raises(hnetzoo.DataError, match=r"holds no ground truth 'none.txt', nor does a folder in it"):
        load(path, reference_file="none.txt")
    with pytest.raises(hnetzoo.DataError, match="nowhere' holds no ground truth"):
        load(tmp_path / "nowhere")
    (path / "det" / "det.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(hnetzoo.DataError, match=r"cannot read '.*det.txt' \(it is no text\)"):
        load(path)


def test_unknown_sequence_of_a_split_is_refused_with_the_nearest(write: Write) -> None:
    with pytest.raises(hnetzoo.UnknownNameError, match="unknown sequence 'stret'; did you mean 'street'"):
        load(write([box(1, 1, 0.0)], []), test_sequences=["stret"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0.7, "test_share": 0.7}, "exceed 1 together"),
        ({"validation_sequences": ["a"], "test_sequences": ["a", "b"]}, "share a; name it once"),
        ({"iou_threshold": 0}, "greater than 0"),
        ({"sequences": []}, "at least 1 item"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_dataset("mot", **{"sequences": "anywhere", **settings})


def test_solvers_are_evaluated_on_it(write: Write) -> None:
    from hnetzoo.benchmark.run import run_benchmark
    from hnetzoo.benchmark.suite import Entry, Suite

    settings = {"sequences": str(write(*scene(60))), "mode": "tracking", "steps": 1, "distance": "centre"}
    suite = Suite(models=("hungarian", "hungarian-gated"), datasets=(Entry(name="mot", settings=settings),))
    rows = {row.model: row for row in run_benchmark(suite, hnetzoo.discover()).rows}
    assert rows["hungarian"].problems == 11
    assert rows["hungarian-gated"].f1 > 0.5
