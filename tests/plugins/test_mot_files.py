"""Dataset mot: files of MOTChallenge sequences."""

from pathlib import Path

import pytest

import hnetzoo
from tests.plugins.mot import WriteSequence, box, load_mot


def test_predictions_in_another_folder_are_found_by_the_name_of_the_sequence(
    write_sequence: WriteSequence, tmp_path: Path
) -> None:
    path = write_sequence([box(1, 1, 0.0)], [])
    (tmp_path / "trackers").mkdir()
    (tmp_path / "trackers" / "street.txt").write_text("1,7,0,0,10,10,-1,-1,-1,-1\n")
    assert load_mot(path, prediction_file="../trackers/{sequence}.txt").association.sum() == 1


def test_byte_order_mark_windows_line_ends_blank_lines_and_short_lines_are_read(write_sequence: WriteSequence) -> None:
    path = write_sequence(
        "\ufeff1,1,0,0,10,10\r\n\r\n2.0, 1, 0, 0, 10, 10, 1\r\n", "1,-1,0,0,10,10,.5,-1,-1,-1,a note\n"
    )
    assert load_mot(path).association.sum((1, 2)).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1,1,0,0,10", "5 of at least 6 columns"),
        ("frame,id,left,top,width,height", "could not convert string to float: 'frame'"),
        ("1 1 0 0 10 10", "1 of at least 6 columns"),
        ("1,1,0,0,nan,10,1", "a value is not a number within 1e12"),
        ("1,1,1e300,0,10,10,1", "a value is not a number within 1e12"),
        ("0,1,0,0,10,10,1", "the frame is not a whole number from 1"),
        ("1.5,1,0,0,10,10,1", "the frame is not a whole number from 1"),
        ("9e9,1,0,0,10,10,1", "the frame is not a whole number from 1"),
        ("1,1.5,0,0,10,10,1", "the identity is not a whole number"),
        ("1,1,0,0,0,10,1", "width and height are not both above 0"),
        ("1,1,0,0,10,-3,1", "width and height are not both above 0"),
    ],
)
@pytest.mark.parametrize("side", ["gt", "det"])
def test_malformed_line_is_reported_with_file_and_number(
    write_sequence: WriteSequence, side: str, line: str, what: str
) -> None:
    good = "3,1,0,0,10,10,1\n"
    texts = [f"{good}\n{line}\n" if part == side else good for part in ("gt", "det")]
    with pytest.raises(hnetzoo.DataError, match=rf"{side}.txt', line 3: {what}; expected frame, identity, left"):
        load_mot(write_sequence(*texts))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("1,-1,0,0,10,10,1", "a ground-truth box has no identity"),
        ("1,4,0,0,10,10,1", "identity 4 is in frame 1 already"),
    ],
)
def test_tracking_needs_one_box_per_identity_and_frame(write_sequence: WriteSequence, line: str, what: str) -> None:
    path = write_sequence(f"1,4,0,0,10,10,1\n{line}\n", "1,-1,0,0,10,10,1\n")
    assert load_mot(path).association.sum() == 1
    with pytest.raises(hnetzoo.DataError, match=rf"gt.txt', line 2: {what}"):
        load_mot(path, mode="tracking")


def test_missing_files_and_folders_are_named(write_sequence: WriteSequence, tmp_path: Path) -> None:
    path = write_sequence([box(1, 1, 0.0)], [])
    with pytest.raises(hnetzoo.DataError, match=r"cannot read '.*none.txt' \(No such file or directory\)"):
        load_mot(path, prediction_file="none.txt")
    with pytest.raises(hnetzoo.DataError, match=r"has no ground truth 'none.txt', nor has a folder in it"):
        load_mot(path, reference_file="none.txt")
    with pytest.raises(hnetzoo.DataError, match="nowhere' has no ground truth"):
        load_mot(tmp_path / "nowhere")
    (path / "det" / "det.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(hnetzoo.DataError, match=r"cannot read '.*det.txt' \(it is not a text file\)"):
        load_mot(path)


def test_unknown_sequence_of_a_split_is_refused_with_the_nearest(write_sequence: WriteSequence) -> None:
    with pytest.raises(hnetzoo.UnknownNameError, match="unknown sequence 'stret'; did you mean 'street'"):
        load_mot(write_sequence([box(1, 1, 0.0)], []), test_sequences=["stret"])
