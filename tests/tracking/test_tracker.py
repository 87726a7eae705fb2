"""The tracker follows what its matcher pairs, by fixed rules of birth and death; scores are those of the metrics."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

import hnetzoo
from hnetzoo.boxes import FEATURES, Tracker, TrackerConfig, read_boxes, score_tracks, write_tracks


class Recorder(nn.Module):
    """Pairs nothing and keeps what it is shown."""

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor, **features: Tensor) -> Tensor:
        self.shown, self.features = distance, features
        return torch.full_like(distance, -20.0)


class Everything(nn.Module):
    """Pairs slot i with slot i."""

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return torch.eye(*distance.shape[1:]).expand_as(distance) * 40 - 20


def boxes(*lefts: float, height: float = 20.0) -> np.ndarray:
    return np.array([[left, 0.0, 10.0, height] for left in lefts]).reshape(-1, 4)


def steps(tracker: Tracker, frames: dict[int, np.ndarray]) -> list[list[int]]:
    return [tracker.step(frame, box, np.ones(len(box))).tolist() for frame, box in frames.items()]


def gated(gate: float, **settings: object) -> Tracker:
    return Tracker(hnetzoo.load_model("hungarian-gated", gate=gate), TrackerConfig(**settings))


def test_detections_that_are_matched_continue_their_tracks_and_others_begin_one() -> None:
    found = steps(gated(0.5), {1: boxes(0, 100), 2: boxes(101, 1, 300), 3: boxes(301, 2)})
    assert found == [[1, 2], [2, 1, 3], [3, 1]]


def test_a_track_is_expected_where_its_velocity_points_also_over_frames_in_which_it_is_not_seen() -> None:
    moving = {1: boxes(0), 2: boxes(30), 3: boxes(), 4: boxes(), 5: boxes(120)}
    assert steps(gated(0.05), {**moving, 2: boxes(30)})[1] == [2], "a new track has no velocity"
    recorder = Recorder()
    tracker = Tracker(Everything(), TrackerConfig(history=5))
    steps(tracker, {1: boxes(0), 2: boxes(30), 4: boxes(90)})
    tracker.matcher = recorder
    steps(tracker, {7: boxes(180, 190)})
    assert recorder.shown.flatten().tolist() == pytest.approx([0.0, 0.5])


def test_the_matcher_is_shown_features_as_the_datasets_of_boxes_give_them() -> None:
    recorder = Recorder()
    tracker = Tracker(Everything(), TrackerConfig(history=3))
    steps(tracker, {1: boxes(0), 3: boxes(20), 4: boxes(32), 6: boxes(60)})
    tracker.matcher, tracker.features = recorder, True
    steps(tracker, {10: boxes(5)})
    row = dict(zip(FEATURES, recorder.features["row_features"][0, 0].tolist(), strict=True))
    assert row == {
        "x": 65.0, "y": 10.0, "width": 10.0, "height": 20.0, "dx": pytest.approx(40 / 3 * 4), "dy": 0.0,
        "age": 3.0, "confidence": 1.0, "gap": 4.0,
    }  # fmt: skip
    assert recorder.features["col_features"].shape == (1, 1, len(FEATURES))


def test_where_frames_are_far_apart_the_velocity_is_that_since_the_sighting_before() -> None:
    recorder = Recorder()
    tracker = Tracker(Everything(), TrackerConfig(history=5))
    steps(tracker, {1: boxes(0), 11: boxes(100), 21: boxes(300)})
    tracker.matcher = recorder
    steps(tracker, {31: boxes(500)})
    assert recorder.shown.item() == pytest.approx(0.0)


def test_a_track_that_is_not_seen_for_longer_than_the_patience_ends() -> None:
    assert steps(gated(1, patience=3), {1: boxes(0), 4: boxes(0)}) == [[1], [1]]
    assert steps(gated(1, patience=3), {1: boxes(0), 5: boxes(0)}) == [[1], [2]]


def test_unsure_detections_continue_tracks_and_begin_none() -> None:
    tracker = gated(0.5, birth_confidence=0.5)
    assert tracker.step(1, boxes(0, 100), np.array([0.9, 0.1])).tolist() == [1, -1]
    assert tracker.step(2, boxes(0, 100), np.array([0.1, 0.1])).tolist() == [1, -1]


def test_frames_without_detections_and_files_without_lines_are_tracked(tmp_path: Path) -> None:
    assert steps(gated(1), {1: boxes(), 2: boxes(0), 3: boxes(), 4: boxes(0)}) == [[], [1], [], [1]]
    (tmp_path / "empty.txt").write_text("")
    empty = read_boxes(tmp_path / "empty.txt")
    assert gated(1).run(empty).tolist() == []
    assert score_tracks(empty, empty).values()["hota"] == 0.0


class Eager(nn.Module):
    """Finds every pair likely, the nearer the likelier."""

    def forward(self, distance: Tensor, row_mask: Tensor, col_mask: Tensor) -> Tensor:
        return 10.0 - distance


def test_a_matcher_that_pairs_a_slot_several_times_gives_each_detection_an_identity_of_its_own() -> None:
    tracker = Tracker(Eager(), TrackerConfig(distance="centre"))
    assert steps(tracker, {1: boxes(0, 30), 2: boxes(31, 1, 60), 3: boxes(0, 30, 60)}) == [[1, 2], [2, 1, 3], [1, 2, 3]]


def test_models_that_take_features_are_shown_them_without_being_told() -> None:
    assert Tracker(hnetzoo.load_model("two-stage")).features
    assert not Tracker(hnetzoo.load_model("hungarian")).features


def test_lines_of_a_file_may_be_in_any_order(tmp_path: Path) -> None:
    lines = [f"{frame},-1,{left + frame},0,10,20,1\n" for frame in (3, 1, 2) for left in (50, 0)]
    (tmp_path / "det.txt").write_text("".join(lines))
    assert gated(1.0).run(read_boxes(tmp_path / "det.txt")).tolist() == [1, 2, 1, 2, 1, 2]


def test_a_history_that_no_memory_holds_is_refused() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1000"):
        TrackerConfig(history=10**9)


def test_frames_out_of_order_are_refused() -> None:
    tracker = gated(1)
    tracker.step(2, boxes(0), np.ones(1))
    with pytest.raises(hnetzoo.DataError, match="frame 2 comes after frame 2"):
        tracker.step(2, boxes(0), np.ones(1))


@pytest.mark.parametrize("form", [str, Path])
def test_written_tracks_are_read_back_in_order_of_frames(tmp_path: Path, form: Callable[[Path], str | Path]) -> None:
    (tmp_path / "det.txt").write_text("2,-1,5,0,10,20.125,0.5\n1,-1,0,0,10,20,0.25\n1,-1,90,0,10,20,1\n")
    found = read_boxes(form(tmp_path / "det.txt"))
    write_tracks(form(tmp_path / "out.txt"), found, np.array([7, 9, 8]))
    assert (tmp_path / "out.txt").read_text() == (
        "1,8,90,0,10,20,1,-1,-1,-1\n1,9,0,0,10,20,0.25,-1,-1,-1\n2,7,5,0,10,20.125,0.5,-1,-1,-1\n"
    )
    assert read_boxes(form(tmp_path / "out.txt")).identity.tolist() == [8, 9, 7]


def scored(folder: Path, truth: str, tracks: str, **settings: int) -> dict[str, float]:
    for name, text in (("gt.txt", truth), ("tracks.txt", tracks)):
        (folder / name).write_text(text)
    return score_tracks(read_boxes(folder / "gt.txt"), read_boxes(folder / "tracks.txt"), **settings).values()


TRUTH = "".join(f"{frame},1,0,0,10,20,1\n{frame},2,50,0,10,20,1\n" for frame in range(1, 5))


def test_scores_of_tracks_that_swap_halfway_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    swap = {frame: (1, 2) if frame < 3 else (2, 1) for frame in range(1, 5)}
    tracks = "".join(f"{f},{a},0,0,10,20,1\n{f},{b},50,0,10,20,1\n" for f, (a, b) in swap.items())
    found = scored(tmp_path, TRUTH, tracks)
    third = 2 / 6  # of 4 frames each, source and track share 2: TPA 2, FNA 2, FPA 2
    assert found == {
        "hota": pytest.approx(third**0.5), "deta": 1.0, "assa": pytest.approx(third),
        "idf1": 0.5, "mota": pytest.approx(1 - 2 / 8), "switches": 2,
    }  # fmt: skip


def test_references_to_be_ignored_and_the_boxes_on_them_do_not_count(tmp_path: Path) -> None:
    ignored = TRUTH + "1,3,90,0,10,20,0\n"
    tracks = TRUTH + "1,9,90,0,10,20,1\n"
    assert scored(tmp_path, ignored, tracks)["mota"] == 1.0
    assert scored(tmp_path, TRUTH, tracks)["mota"] == pytest.approx(1 - 1 / 8)


def test_only_every_so_many_frames_are_scored(tmp_path: Path) -> None:
    tracks = TRUTH.replace("2,1,0,0", "2,1,900,0")  # lost in frame 2
    assert scored(tmp_path, TRUTH, tracks)["mota"] < 1.0
    assert scored(tmp_path, TRUTH, tracks, every=2)["mota"] == 1.0


def test_tracks_that_were_just_seen_are_matched_before_those_that_were_lost() -> None:
    tracker = gated(1.0, distance="centre")
    assert steps(tracker, {1: boxes(0, 30), 2: boxes(12)}) == [[1, 2], [1]]
    assert steps(tracker, {3: boxes(26)}) == [[1]], "track 2 was nearer, and lost"
    assert steps(tracker, {4: boxes(26, 30)}) == [[1, 2]], "what is left goes to those that were lost"
