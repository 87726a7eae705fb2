"""Text files with one line of comma-separated numbers per observation, such as detections or tracks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnetzoo.errors import DataError
from hnetzoo.files import read_file, reason

MOST_SLOTS = 1 << 26  # frames times slots
_LARGEST_FILE = 1 << 27  # bytes
LARGEST = 1e12  # largest absolute value that is accepted; keeps areas and distances finite

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class NumberLines(NamedTuple):
    """The non-empty lines of a file, in order.

    Fields:
        path: The file.
        form: The expected form of a line, for error messages.
        values: Float64 [l, k]; 0 where a line has fewer columns.
        columns: Number of columns of each line, int64 [l].
        line: Line numbers, int64 [l].

    Example:
        >>> lines = NumberLines(Path("a.csv"), "time", np.zeros((1, 1)), np.array([1]), np.array([7]))
        >>> lines.refuse(np.array([True]), "time is 0")
        Traceback (most recent call last):
        ...
        hnetzoo.errors.DataError: 'a.csv', line 7: time is 0; expected time: correct the line or leave it out
    """

    path: Path
    form: str
    values: Floats
    columns: Ints
    line: Ints

    def refuse(self, wrong: Bools, what: str | Callable[[int], str]) -> None:
        """Raise DataError about the first wrong line, if any.

        Args:
            wrong: Bool [l].
            what: What is wrong, or a function that returns it for an index into the lines.
        """
        if wrong.any():
            first = int(wrong.argmax())
            raise _error(self.path, int(self.line[first]), what if isinstance(what, str) else what(first), self.form)


def read_number_lines(path: str | Path, form: str, least: int, most: int) -> NumberLines:
    r"""Return the numbers in a text file; an empty file has no lines.

    Args:
        path: A UTF-8 file; fields are separated by commas.
        form: The expected form of a line, such as "time, azimuth, elevation", for error messages.
        least: Smallest number of columns that is accepted.
        most: Largest number of columns that is read; further ones are only counted.

    Raises:
        DataError: If the file cannot be read, or a line has too few columns or a value that is not a number within
            1e12; names the file and the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.csv").write_text("0, 1.5, extra\n\n1\n")
        ...     lines = read_number_lines(Path(folder, "a.csv"), "frame[, time, ...]", least=1, most=2)
        >>> lines.values.tolist(), lines.columns.tolist(), lines.line.tolist()
        ([[0.0, 1.5], [1.0, 0.0]], [3, 1], [1, 3])
    """
    path = Path(path)
    rows = [(number, line.split(",", most)) for number, line in enumerate(_text(path, form), start=1) if line.strip()]
    values = np.zeros((len(rows), most))
    for row, (number, fields) in enumerate(rows):
        if len(fields) < least:
            raise _error(path, number, f"{len(fields)} of at least {least} columns", form)
        try:
            found = [float(field) for field in fields[:most]]
        except ValueError as error:
            raise _error(path, number, str(error), form) from None
        values[row, : len(found)] = found
    lines = NumberLines(
        path=path,
        form=form,
        values=values,
        columns=np.array([_columns(fields, most) for _, fields in rows], dtype=np.int64),
        line=np.array([number for number, _ in rows], dtype=np.int64),
    )
    lines.refuse(~np.all(np.abs(values) <= LARGEST, axis=1), "a value is not a number within 1e12")
    return lines


def _columns(fields: list[str], most: int) -> int:
    """Return the number of columns of a line that was cut after so many."""
    return len(fields) if len(fields) <= most else most + fields[most].count(",") + 1


def repeated(keys: Ints) -> Bools:
    """Return which lines repeat the keys of an earlier line, bool [l], of keys int64 [l, k].

    Example:
        >>> repeated(np.array([[1, 2], [1, 3], [1, 2]])).tolist()
        [False, False, True]
    """
    _, first = np.unique(keys, axis=0, return_index=True)
    again = np.ones(len(keys), dtype=np.bool_)
    again[first] = False
    return again


def spread_over_frames(frame: Ints, frames: int, *fields: NDArray[Any]) -> list[NDArray[Any]]:
    """Return the fields of lines by frame and slot; the slots of a frame follow the order of its lines.

    Args:
        frame: The frame of each line, int64 [l], 0..frames - 1.
        frames: Number of frames.
        fields: Arrays [l, ...].

    Returns:
        First which slots hold a line, bool [frames, slots], then for each field an array [frames, slots, ...], 0 in
        slots without a line. The number of slots is the largest number of lines in a frame, at least one.

    Raises:
        DataError: If there are more than 2^26 slots in all.

    Example:
        >>> exists, values = spread_over_frames(np.array([1, 0, 1]), 2, np.array([5.0, 6.0, 7.0]))
        >>> exists.tolist(), values.tolist()
        ([[True, False], [True, True]], [[6.0, 0.0], [5.0, 7.0]])
    """
    order = np.argsort(frame, kind="stable")
    counts = np.bincount(frame, minlength=frames)
    if frames * int(counts.max(initial=0)) > MOST_SLOTS:
        raise DataError(
            f"{frames:,} frames with up to {counts.max():,} lines are more than {MOST_SLOTS:,} slots; correct the last "
            "frame number, or cut the file"
        )
    slot = np.arange(len(frame)) - np.repeat(counts.cumsum() - counts, counts)
    spread = []
    for field in (np.ones(len(frame), dtype=np.bool_), *fields):
        array = np.zeros((frames, max(1, counts.max(initial=0)), *field.shape[1:]), dtype=field.dtype)
        array[frame[order], slot] = field[order]
        spread.append(array)
    return spread


def _text(path: Path, form: str) -> list[str]:
    try:
        return read_file(path, _LARGEST_FILE).decode("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        why = "it is not a text file" if isinstance(error, UnicodeDecodeError) else reason(error)
        raise DataError(f"cannot read '{path}' ({why}); give a text file with lines of {form}") from None


def _error(path: Path, line: int, what: str, form: str) -> DataError:
    return DataError(f"'{path}', line {line}: {what}; expected {form}: correct the line or leave it out")
