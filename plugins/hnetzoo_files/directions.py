"""Directions of arrival in text files: one line per source and frame.

DCASE metadata: frame, class, source, azimuth, elevation[, distance], frames counted from 0; or plain: time, azimuth,
elevation. The number of columns tells which. Angles in degrees, times in seconds; the distance is not read.

Source: the task description of DCASE 2023 task 3, https://dcase.community/challenge2023.
"""

from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

import hnetzoo

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLAIN, DCASE = (3,), (5, 6)  # columns
FORMS = "time, azimuth, elevation or frame, class, source, azimuth, elevation[, distance]"
LARGEST = 1e12  # of any value, far beyond use
LAST_FRAME = 1_000_000  # more than a day of DCASE frames; beyond it stands a slip of the pen
ELEVATIONS = {"elevation": (-90.0, 90.0), "polar": (0.0, 180.0)}  # degrees
LARGEST_AZIMUTH = 360.0  # degrees, of either sign: both -180..180 and 0..360 are in use


class Directions(NamedTuple):
    """The lines of a file, in its order.

    Fields:
        time: Float64 [l], seconds; in a DCASE file the number of the frame.
        vector: Unit vectors, float64 [l, 3].
        identity: Class and source, int64 [l, 2]; zeros in a plain file.
        line: Line numbers, int64 [l].
        framed: Whether this is a DCASE file; False for an empty one.
    """

    time: Floats
    vector: Floats
    identity: Ints
    line: Ints
    framed: bool


def read_directions(path: Path, vertical_angle: str = "elevation") -> Directions:
    """Read a file in either form; an empty one is a plain file without directions.

    Raises:
        DataError: If the file cannot be read, or a line is not as described; names the file and the line.
    """
    lines = [(number, line.split(",")) for number, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    columns = len(lines[0][1]) if lines else PLAIN[0]
    values = np.array([_numbers(path, number, fields, columns) for number, fields in lines]).reshape(-1, columns)
    numbers = np.array([number for number, _ in lines], dtype=np.int64)
    angles = values[:, 1:3] if columns in PLAIN else values[:, 3:5]
    wholes = values[:, :0] if columns in PLAIN else values[:, :3]
    low, high = ELEVATIONS[vertical_angle]
    limits = (
        (~(np.abs(values) <= LARGEST).all(1), "a value is no number within 1e12"),
        ((wholes != wholes.round()).any(1), "frame, class and source are not whole numbers"),
        ((np.abs(wholes) > LAST_FRAME).any(1) | (wholes[:, :1] < 0).any(1), f"the frame is not in 0..{LAST_FRAME}"),
        (np.abs(angles[:, 0]) > LARGEST_AZIMUTH, f"the azimuth is not in -360..{LARGEST_AZIMUTH:.0f} degrees"),
        (
            (angles[:, 1] < low) | (angles[:, 1] > high),
            f"the {vertical_angle} angle is not in {low:.0f}..{high:.0f} degrees (see the setting vertical_angle)",
        ),
    )
    for wrong, what in limits:
        if wrong.any():
            _refuse(path, int(numbers[wrong][0]), what)
    elevation = angles[:, 1] if vertical_angle == "elevation" else 90 - angles[:, 1]
    identity = np.zeros((len(values), 2), np.int64) if columns in PLAIN else values[:, 1:3].astype(np.int64)
    vector = _unit_vectors(angles[:, 0], elevation)
    return Directions(values[:, 0], vector, identity, numbers, framed=columns not in PLAIN)


def check_identities(path: Path, directions: Directions) -> None:
    """Raise DataError if there are directions without identity, or one identity is in a frame twice."""
    if len(directions.time) and not directions.framed:
        raise hnetzoo.DataError(
            f"'{path}' names no class and source; truth by identity needs both files as DCASE metadata: set truth to "
            "'optimal'"
        )
    keys = np.column_stack((directions.time.astype(np.int64), directions.identity))
    _, first = np.unique(keys, axis=0, return_index=True)
    repeated = np.setdiff1d(np.arange(len(keys)), first)
    if len(repeated):
        frame, label, source = keys[repeated[0]]
        line = int(directions.line[repeated[0]])
        _refuse(path, line, f"source {source} of class {label} is in frame {frame} already")


def _unit_vectors(azimuth_deg: Floats, elevation_deg: Floats) -> Floats:
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    flat = np.cos(elevation)
    return np.stack((flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)), axis=-1)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise hnetzoo.DataError(f"cannot read '{path}' ({reason}); give a text file with lines of {FORMS}") from None


def _numbers(path: Path, number: int, fields: list[str], columns: int) -> list[float]:
    if columns not in PLAIN + DCASE or len(fields) != columns:
        known = f"the first has {columns}" if columns in PLAIN + DCASE else "3, 5 and 6 are known"
        _refuse(path, number, f"{len(fields)} columns, and {known}")
    try:
        return [float(field) for field in fields]
    except ValueError as error:
        _refuse(path, number, str(error))


def _refuse(path: Path, line: int, what: str) -> NoReturn:
    raise hnetzoo.DataError(f"'{path}', line {line}: {what}; expected {FORMS}: correct the line or leave it out")
