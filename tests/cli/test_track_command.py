"""Command `track` reads and writes MOTChallenge files, and scores tracks against ground truth."""

import json
from pathlib import Path

import pytest

from tests.cli.outcome import Run, fails


@pytest.fixture
def detections(tmp_path: Path) -> None:
    """Two people who walk towards each other and pass, at 6 pixels a frame."""
    lines, truth = [], []
    for frame in range(1, 13):
        for identity, left in ((1, 6 * frame), (2, 100 - 6 * frame)):
            lines.append(f"{frame},-1,{left},0,20,40,0.9,-1,-1,-1\n")
            truth.append(f"{frame},{identity},{left},0,20,40,1,1,1\n")
    (tmp_path / "det.txt").write_text("".join(lines))
    (tmp_path / "gt.txt").write_text("".join(truth))


@pytest.mark.usefixtures("detections")
def test_tracks_are_written_and_scored(run: Run, tmp_path: Path) -> None:
    arguments = ("track", "det.txt", "--model", "hungarian-gated", "--set", "model.gate=0.4", "--out", "tracks.txt")
    done = run(*arguments, "--truth", "gt.txt")
    assert done.out == "wrote 24 boxes of 2 tracks to tracks.txt\n"
    assert done.err == "HOTA 1.0000, DetA 1.0000, AssA 1.0000, IDF1 1.0000, MOTA 1.0000, IDSW 0\n"
    assert (tmp_path / "tracks.txt").read_text().startswith("1,1,6,0,20,40,0.9,-1,-1,-1\n1,2,94,0,20,40,0.9")
    nearest = json.loads(run(*arguments, "--truth", "gt.txt", "--distance", "centre", "--json").out)
    assert nearest["scores"]["switches"] == 2, "without velocities those who meet are confused"
    assert nearest["tracker"]["distance"] == "centre"


@pytest.mark.usefixtures("detections")
def test_frames_and_unsure_detections_can_be_left_out(run: Run) -> None:
    arguments = ("track", "det.txt", "--model", "hungarian", "--out", "tracks.txt")
    assert run(*arguments, "--every", "4").out == "wrote 6 boxes of 2 tracks to tracks.txt\n"
    assert run(*arguments, "--min-confidence", "0.95").out == "wrote 0 boxes of 0 tracks to tracks.txt\n"


@pytest.mark.usefixtures("detections")
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(run: Run, tmp_path: Path) -> None:
    arguments = ("track", "det.txt", "--out", "tracks.txt", "--model")
    fails(run(*arguments, "hnetgru@5"), 4, "are for problems of 5 x 5, and these are 2 x 2")
    fails(run(*arguments, "hungarian", "--distance", "chord"), 2, "distance")
    fails(run(*arguments, "hungarian", "--patience", "0"), 2, "patience")
    fails(run(*arguments, "hungarian", "--set", "dataset.samples=1"), 2, "track takes settings of the model alone")
    fails(run(*arguments, "hungarian", "--truth", "det.txt"), 4, "det.txt', line 1: a ground-truth box has no identity")
    fails(run("track", "none.txt", "--model", "hungarian", "--out", "tracks.txt"), 4, "none.txt")
    fails(run("track", "det.txt", "--model", "hungarian", "--out", "no/tracks.txt"), 2, "'no' does not exist")
    assert not (tmp_path / "tracks.txt").exists()
