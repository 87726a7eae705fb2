"""Dataset doa-csv: directions in small text files."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

import hnetzoo
from hnetzoo_files.frames import pair_frames

Line = tuple[float, ...]
Load = Callable[..., hnetzoo.AssociationBatch]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that writes both files and loads a split; by default, all are training frames."""

    def write_and_load(
        reference: Iterable[Line] | str,
        predicted: Iterable[Line] | str,
        split: hnetzoo.Split = "train",
        seed: int = 0,
        **settings: Any,
    ) -> hnetzoo.AssociationBatch:
        paths = {}
        for side, lines in (("reference", reference), ("predicted", predicted)):
            text = lines if isinstance(lines, str) else "".join(f"{','.join(map(str, line))}\n" for line in lines)
            paths[side] = tmp_path / f"{side}.csv"
            paths[side].write_bytes(text.encode())
        shares = {"validation_share": 0, "test_share": 0}
        return hnetzoo.load_dataset("doa-csv", **{**paths, **shares, **settings}).load(split, seed)

    return write_and_load


def angle_deg(first: Line, second: Line) -> float:
    """Return the angle between two directions, each (azimuth, elevation) in degrees, by the law of cosines."""
    (a, x), (b, y) = np.deg2rad(first), np.deg2rad(second)
    cosine = np.sin(x) * np.sin(y) + np.cos(x) * np.cos(y) * np.cos(a - b)
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1, 1))))


def random_frames(frames: int, seed: int = 0) -> list[list[Line]]:
    """Return up to three random directions per frame."""
    rng = np.random.default_rng(seed)
    return [[(rng.uniform(-180, 180), rng.uniform(-60, 60)) for _ in range(rng.integers(0, 4))] for _ in range(frames)]


def dcase(frames: Iterable[Iterable[Line]], *more: float) -> list[Line]:
    """Return frames as DCASE metadata; class and source are the position in the frame."""
    return [
        (frame, index, 10 + index, *direction, *more)
        for frame, directions in enumerate(frames)
        for index, direction in enumerate(directions)
    ]


def plain(frames: Iterable[Iterable[Line]], hop_s: float = 0.1) -> list[Line]:
    return [(frame * hop_s, *direction) for frame, directions in enumerate(frames) for direction in directions]


@pytest.mark.parametrize("gate_deg", [15.0, 60.0, 180.0])
def test_truth_is_the_optimum_within_the_gate(load: Load, gate_deg: float) -> None:
    references, predictions = random_frames(150), random_frames(150, seed=1)
    references[-1] = predictions[-1] = [(0.0, 0.0)]
    batch = load(dcase(references), dcase(predictions), gate_deg=gate_deg)
    assert len(batch.distance) == 150
    problems = zip(zip(*batch.tensors.values(), strict=True), references, predictions, strict=True)
    for (distance, truth, rows, columns), here, there in problems:
        assert (rows.sum(), columns.sum()) == (len(here), len(there))
        angles = np.array([[angle_deg(first, second) for second in there] for first in here])
        angles = angles.reshape(len(here), len(there))
        chords = 2 * np.sin(np.deg2rad(angles) / 2)
        np.testing.assert_allclose(np.sort(distance[rows][:, columns].flatten()), np.sort(chords.ravel()), atol=1e-6)
        allowed = angles <= gate_deg
        # A forbidden pair costs more than all allowed ones together: the most pairs, then the least total.
        pairs = linear_sum_assignment(np.where(allowed, chords, 100.0)) if chords.size else ([], [])
        best = chords[pairs][allowed[pairs]] if chords.size else np.zeros(0)
        assert truth.sum() == len(best)
        assert distance[truth].sum().item() == pytest.approx(best.sum(), abs=1e-5)


def test_identity_pairs_equal_class_and_source_however_far(load: Load) -> None:
    reference = [(0, 1, 0, 0, 0), (0, 1, 1, 90, 0), (0, 2, 0, 180, 0)]
    predicted = [(0, 1, 1, 0, 0), (0, 1, 0, 90, 0), (0, 3, 0, 180, 0)]
    batch = load(reference, predicted, truth="identity")
    torch.testing.assert_close(batch.distance[batch.association], torch.full((2,), 2**0.5))
    assert load(reference, predicted).association.sum() == 3


def test_distance_of_the_source_is_not_read(load: Load) -> None:
    frames = random_frames(20)
    assert torch.equal(load(dcase(frames), dcase(frames)).distance, load(dcase(frames, 250.0), dcase(frames)).distance)


@pytest.mark.parametrize("forms", [(dcase, plain), (plain, dcase)])
def test_both_forms_describe_the_same_frames(load: Load, forms: tuple[Callable[..., list[Line]], ...]) -> None:
    frames = random_frames(40)
    expected = load(dcase(frames), dcase(frames))
    found = load(forms[0](frames), forms[1](frames))
    assert all(torch.equal(a, b) for a, b in zip(expected.tensors.values(), found.tensors.values(), strict=True))


def test_polar_angles_are_measured_from_the_zenith(load: Load) -> None:
    batch = load([(0.0, 0, 0), (1.0, 0, 180)], [(0.0, 0, 90), (1.0, 0, 180)], vertical_angle="polar")
    torch.testing.assert_close(batch.distance[batch.cells], torch.tensor([2**0.5, 0.0]))


def test_silent_frames_are_kept(load: Load) -> None:
    reference, predicted = [(2, 0, 0, 0, 0), (3, 0, 0, 0, 0)], [(3, 0, 0, 0, 0), (6, 0, 0, 0, 0)]
    batch = load(reference, predicted)
    assert batch.row_mask.sum(1).tolist() == [0, 0, 1, 1, 0, 0, 0]
    assert batch.col_mask.sum(1).tolist() == [0, 0, 0, 1, 0, 0, 1]
    assert batch.association.sum((1, 2)).tolist() == [0, 0, 0, 1, 0, 0, 0]


def test_silent_frames_of_plain_files_are_added_if_the_hop_is_given(load: Load) -> None:
    reference, predicted = [(0.5, 0, 0), (0.75, 0, 0)], [(0.751, 0, 0), (1.5, 0, 0)]
    assert load(reference, predicted).row_mask.sum(1).tolist() == [1, 1, 0]
    batch = load(reference, predicted, hop_s=0.25)
    assert batch.row_mask.sum(1).tolist() == [1, 1, 0, 0, 0]
    assert batch.col_mask.sum(1).tolist() == [0, 1, 0, 0, 1]


def test_times_are_paired_only_within_the_tolerance(load: Load) -> None:
    reference, predicted = [(1.0, 0, 0), (2.0, 0, 0)], [(1.04, 0, 0), (1.94, 0, 0)]
    assert load(reference, predicted, tolerance_s=0.05).association.sum((1, 2)).tolist() == [1, 0, 0]
    assert load(reference, predicted, tolerance_s=0.07).association.sum((1, 2)).tolist() == [1, 1]


def test_pairing_agrees_with_a_search_of_all_times() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        references, predictions = (np.unique(rng.integers(0, 200, rng.integers(0, 12))) / 10 for _ in range(2))
        predictions = predictions + rng.uniform(-0.04, 0.04, len(predictions))
        pairing, times = pair_frames(references, predictions, 0.045)
        assert (np.diff(times) > 0).all()
        assert pairing.frames == len(times)
        found = {(i, j) for i, a in enumerate(pairing.reference) for j, b in enumerate(pairing.predicted) if a == b}
        close = np.abs(references[:, None] - predictions) <= 0.045
        assert found == set(zip(*map(list, close.nonzero()), strict=True))


def test_order_of_lines_and_times_does_not_matter(load: Load) -> None:
    lines = plain(random_frames(30))
    shuffled = [lines[i] for i in np.random.default_rng(0).permutation(len(lines))]
    first, second = load(lines, lines), load(shuffled, lines)
    assert torch.equal(first.row_mask.sum(1), second.row_mask.sum(1))
    assert torch.equal(first.distance[first.association], torch.zeros(len(lines)))
    assert torch.equal(second.distance[second.association], torch.zeros(len(lines)))


def test_splits_are_contiguous_disjoint_and_cover_the_recording(load: Load) -> None:
    # The prediction of a single source has an error of a tenth of a degree per frame: the distance tells the frame.
    reference, predicted = ([(frame, 0, 0, shift * frame / 10, 0) for frame in range(50)] for shift in (0, 1))
    frames = []
    for split in ("train", "validation", "test"):
        batch = load(reference, predicted, split, validation_share=0.2, test_share=0.3)
        angle = 2 * torch.asin(batch.distance.flatten().double() / 2).rad2deg()
        frames.append((angle * 10).round().int().tolist())
    assert frames == [list(range(25)), list(range(25, 35)), list(range(35, 50))]


def test_seed_only_orders_slots(load: Load) -> None:
    lines = dcase(random_frames(60))
    first, again, other = (load(lines, lines, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not torch.equal(first.association, other.association)
    assert torch.equal(first.distance.flatten(1).sort(1).values, other.distance.flatten(1).sort(1).values)


def test_sources_are_in_random_slots(load: Load) -> None:
    lone = [(frame, 0, 0, 0, 0) for frame in range(2000)] + [(0, 0, 1, 90, 0)]
    batch = load(lone, lone)
    places = batch.association[1:].flatten(1).int().argmax(1)
    torch.testing.assert_close(torch.bincount(places) / len(places), torch.full((4,), 0.25), atol=0.04, rtol=0)


@pytest.mark.parametrize(
    ("first", "line", "what"),
    [
        ("0,0,0,0,0", "1,0,0,0", "4 columns, but the first line has 5"),
        ("0,0,0,0,0", "1,0,0,0,0,0", "6 columns, but the first line has 5"),
        ("0,0,0,0,0", "1,0,0,a,0", "could not convert string to float: 'a'"),
        ("0,0,0,0,0", "1,0,0,inf,0", "a value is not a number within 1e12"),
        ("0,0,0,0,0", "1.5,0,0,0,0", "frame, class and source are not whole numbers"),
        ("0,0,0,0,0", "-1,0,0,0,0", "the frame is not in 0..1000000"),
        ("0,0,0,0,0", "9e9,0,0,0,0", "the frame is not in 0..1000000"),
        ("0,0,0", "1,361,0", "the azimuth is not in -360..360 degrees"),
        ("0,0,0", "1,0,91", r"the elevation angle is not in -90..90 degrees \(see the setting vertical_angle\)"),
    ],
)
@pytest.mark.parametrize("side", [0, 1])
def test_malformed_line_is_reported_with_file_and_number(
    load: Load, side: int, first: str, line: str, what: str
) -> None:
    texts = [f"{first}\n\n{line}\n" if side == part else f"{first}\n" for part in range(2)]
    name = ("reference", "predicted")[side]
    with pytest.raises(hnetzoo.DataError, match=rf"{name}.csv', line 3: {what}; expected time, azimuth, elevation or"):
        load(*texts)


def test_unknown_number_of_columns_is_refused(load: Load) -> None:
    with pytest.raises(hnetzoo.DataError, match="line 1: 4 columns, but it must be 3, 5 or 6; expected"):
        load("0,0,0,0\n", "0,0,0\n")


def test_polar_angles_below_zero_are_refused(load: Load) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"the polar angle is not in 0..180 degrees"):
        load("0,0,-1\n", "", vertical_angle="polar")


def test_identity_needs_metadata_with_one_line_per_source(load: Load) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"predicted.csv' has no class and source; .* set truth to 'optimal'"):
        load([(0, 0, 0, 0, 0)], [(0, 0, 0)], truth="identity")
    twice = [(0, 7, 1, 0, 0), (0, 7, 2, 0, 0), (0, 7, 1, 50, 0)]
    with pytest.raises(hnetzoo.DataError, match=r"reference.csv', line 3: source 1 of class 7 is in frame 0 already"):
        load(twice, twice[:2], truth="identity")
    assert load(twice, twice[:2]).association.sum() == 2


@pytest.mark.parametrize("truth", ["optimal", "identity"])
def test_empty_predictions_have_only_misses(load: Load, truth: str) -> None:
    batch = load(dcase([[(0.0, 0.0)], [], [(0.0, 0.0)]]), "", truth=truth)
    assert batch.distance.shape == (3, 1, 1)
    assert not batch.col_mask.any()
    assert not batch.association.any()


def test_two_empty_files_have_no_frame(load: Load) -> None:
    with pytest.raises(
        hnetzoo.DataError, match=r"leave the train split without frames \(0 in all\); add frames, or change"
    ):
        load("", "\n\n")


def test_tolerance_that_joins_frames_is_refused(load: Load) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"several times .* within 0.5 s of the reference time 1.0; set toler"):
        load([(1.0, 0, 0)], [(0.9, 0, 0), (1.1, 0, 0)], tolerance_s=0.5)


def test_times_that_make_millions_of_frames_are_refused(load: Load) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"the times reach 1000000000000.0 s, beyond 1000000 frames of 0.1 s"):
        load([(0.0, 0, 0)], [(1e12, 0, 0)], hop_s=0.1)


def test_byte_order_mark_and_windows_lines_are_read(load: Load) -> None:
    assert load("\ufeff0,0,0\r\n0.1,0,0\r\n", "0, 5, 0\n").association.sum((1, 2)).tolist() == [1, 0]


def test_missing_and_binary_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    for name, reason in (("none.csv", "No such file or directory"), ("binary.csv", "it is not a text file")):
        dataset = hnetzoo.load_dataset("doa-csv", reference=tmp_path / name, predicted=tmp_path / name)
        with pytest.raises(hnetzoo.DataError, match=rf"cannot read '.*{name}' \({reason}\); give a text file"):
            dataset.load("train", 0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation_share": 0.7, "test_share": 0.7}, "together exceed 1"),
        ({"gate_deg": 0}, "greater than 0"),
        ({"hop_s": 0}, "greater than 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_dataset("doa-csv", reference="a", predicted="b", **settings)


def test_angular_velocities_are_those_of_the_class_and_source_over_its_last_frames(load: Load) -> None:
    walking = [(frame, 1, 2, 10.0 * frame, 0.0) for frame in (0, 1, 2, 5)]
    other = [(frame, 1, 3, 90.0, 0.0) for frame in range(6)]
    batch = load(walking + other, other, history=3, truth="identity")
    assert batch.row_features is not None
    features = {
        (frame, round(x, 3)): (round(float(np.rad2deg(np.hypot(vx, vy))), 3), age)
        for frame in range(6)
        for (x, _, _, vx, vy, _, age), exists in zip(
            batch.row_features[frame].tolist(), batch.row_mask[frame].tolist(), strict=True
        )
        if exists
    }
    assert features[0, 1.0] == (0.0, 0.0)
    assert features[2, round(float(np.cos(np.deg2rad(20))), 3)] == (10.0, 2.0)
    assert features[5, round(float(np.cos(np.deg2rad(50))), 3)] == (10.0, 3.0), "seen three frames before, not since"
    assert features[5, 0.0] == (0.0, 3.0)
    assert load(walking, other).features == {}


def test_a_history_needs_class_and_source_of_the_references(load: Load) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"reference.csv' has no class and source; .* history to 0"):
        load(plain(random_frames(5)), plain(random_frames(5)), history=2)
