"""Text files of numbers: they read back as written, and errors name the file and the line."""

import contextlib
import tempfile
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from hnetzoo import DataError, NumberLines, read_number_lines, repeated, spread_over_frames

FORM = "frame, x[, y, ...]"


def read(text: str, least: int = 2, most: int = 3) -> NumberLines:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_text(text)
        return read_number_lines(path, FORM, least, most)


@hypothesis.given(st.lists(st.lists(st.floats(-1e12, 1e12), min_size=2, max_size=5)), st.booleans())
def test_numbers_read_back_with_their_lines(rows: list[list[float]], gaps: bool) -> None:
    lines = read(("\n\n" if gaps else "\n").join(", ".join(map(repr, row)) for row in rows))
    assert lines.values.shape == (len(rows), 3)
    assert lines.values.tolist() == [[*row, 0.0][:3] for row in rows]
    assert lines.columns.tolist() == list(map(len, rows))
    assert lines.line.tolist() == [1 + (1 + gaps) * index for index in range(len(rows))]


@hypothesis.given(st.text(alphabet="0123456789.,-+einfa \n\t\x00", max_size=40))
def test_any_text_is_numbers_or_a_data_error(text: str) -> None:
    with contextlib.suppress(DataError):
        assert (np.abs(read(text).values) <= 1e12).all()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("1,2\n\n3", "line 3: 1 of at least 2 columns"),
        ("1,2\n1,x", "line 2: could not convert string to float: 'x'"),
        ("1,2\n1,2\n1,nan", "line 3: a value is not a number within 1e12"),
        ("1,inf", "line 1: a value is not a number within 1e12"),
        ("1,-1e13", "line 1: a value is not a number within 1e12"),
    ],
)
def test_a_wrong_line_is_named_with_what_was_expected(text: str, what: str) -> None:
    with pytest.raises(DataError, match=rf"a.csv', {what}; expected frame, x\[, y, ...\]: correct the line or leave"):
        read(text)


def test_columns_after_the_last_requested_one_are_not_read() -> None:
    assert read("1,2,3,car,-").values.tolist() == [[1.0, 2.0, 3.0]]


def test_an_empty_file_has_no_lines_and_a_missing_or_binary_one_is_an_error(tmp_path: Path) -> None:
    assert read("\n \n").values.shape == (0, 3)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    for name, reason in (("a.csv", "No such file or directory"), ("b.csv", "it is not a text file")):
        with pytest.raises(DataError, match=rf"cannot read '.*{name}' \({reason}\); give a text file with lines of fr"):
            read_number_lines(tmp_path / name, FORM, 1, 2)


def test_the_first_wrong_line_is_refused_in_words_or_by_index() -> None:
    lines = read("1,2\n\n3,4\n5,6")
    lines.refuse(np.zeros(3, dtype=bool), "fine")
    wrong = np.array([False, True, True])
    with pytest.raises(DataError, match="line 3: odd;"):
        lines.refuse(wrong, "odd")
    with pytest.raises(DataError, match=r"line 3: 3.0 is odd;"):
        lines.refuse(wrong, lambda index: f"{lines.values[index, 0]} is odd")


@hypothesis.given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=20))
def test_repeated_finds_keys_of_earlier_lines(keys: list[tuple[int, int]]) -> None:
    found = repeated(np.array(keys, dtype=np.int64).reshape(-1, 2))
    assert found.tolist() == [key in keys[:index] for index, key in enumerate(keys)]


@hypothesis.given(st.lists(st.integers(0, 4), max_size=20), st.integers(5, 7))
def test_lines_are_spread_over_frames_in_their_order(frame: list[int], frames: int) -> None:
    number = np.arange(len(frame))
    exists, spread = spread_over_frames(np.array(frame, dtype=np.int64), frames, number)
    assert exists.shape == spread.shape == (frames, max([1, *map(frame.count, frame)]))
    for index in range(frames):
        assert spread[index][exists[index]].tolist() == [line for line, at in enumerate(frame) if at == index]
        assert sorted(exists[index].tolist(), reverse=True) == exists[index].tolist()
    assert (spread[~exists] == 0).all()
