"""Files and folders of one's own are read by the dataset that is made for them."""

from pathlib import Path

import pytest

from hnetzoo.cli.own_data import described


def test_sequences_are_found_at_any_depth_with_the_detections_that_all_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        folder = tmp_path / "deep" / name
        (folder / "gt").mkdir(parents=True)
        (folder / "det").mkdir()
        for file in ("gt/gt.txt", "det/det.txt", "det/other.txt"):
            (folder / file).touch()
    (tmp_path / "deep" / "a" / "det" / "alone.txt").touch()
    dataset, settings = described(tmp_path, None, tmp_path / "p.npz")
    assert dataset == "mot"
    assert settings == {
        "sequences": [str(tmp_path / "deep" / "a"), str(tmp_path / "deep" / "b")],
        "reference_file": "gt/gt.txt",
        "prediction_file": "det/det.txt",
    }
    assert "took det/det.txt of det/det.txt, det/other.txt" in capsys.readouterr().err


def test_a_folder_of_one_file_of_each_side_holds_directions(tmp_path: Path) -> None:
    for name in ("moving_reference.txt", "moving_estimated.txt"):
        (tmp_path / name).touch()
    assert described(tmp_path, None, tmp_path / "p.npz") == (
        "doa-csv",
        {"reference": str(tmp_path / "moving_reference.txt"), "predicted": str(tmp_path / "moving_estimated.txt")},
    )
