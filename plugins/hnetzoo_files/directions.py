"""Directions of arrival in text files: one line per source and frame.

DCASE metadata: frame, class, source, azimuth, elevation[, distance], frames counted from 0; or plain: time, azimuth,
elevation. The number of columns tells which. Angles in degrees, times in seconds; the distance is not read.

Source: the task description of DCASE 2023 task 3, https://dcase.community/challenge2023.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import hnetzoo

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PLAIN, DCASE = (3,), (5, 6)  # columns
FORMS = "time, azimuth, elevation or frame, class, source, azimuth, elevation[, distance]"
LAST_FRAME = 1_000_000  # more than a day of DCASE frames; a larger number is taken for a mistake
ELEVATIONS = {"elevation": (-90.0, 90.0), "polar": (0.0, 180.0)}  # degrees
LARGEST_AZIMUTH = 360.0  # degrees, of either sign: both -180..180 and 0..360 are in use


class Directions(NamedTuple):
    """The directions of a file, in its order.

    Fields:
        time: Float64 [l], seconds; in a DCASE file the number of the frame.
        vector: Unit vectors, float64 [l, 3].
        identity: Class and source, int64 [l, 2]; zeros in a plain file.
        framed: Whether this is a DCASE file; False for an empty one.
        lines: The lines that hold them.
    """

    time: Floats
    vector: Floats
    identity: Ints
    framed: bool
    lines: hnetzoo.NumberLines


def read_directions(path: Path, vertical_angle: str = "elevation") -> Directions:
    """Return the directions of a file in either form; an empty file counts as plain.

    Raises:
        DataError: If the file cannot be read, or a line is not as described; it names the file and the line.
    """
    lines = hnetzoo.read_number_lines(path, FORMS, min(PLAIN), max(DCASE))
    columns = _columns(lines)
    time, *_ = values = lines.values.T
    azimuth, angle = values[1:3] if columns in PLAIN else values[3:5]
    identity = np.zeros((len(time), 2), np.int64)
    if columns in DCASE:
        wholes = lines.values[:, :3]
        lines.refuse((wholes != wholes.round()).any(1), "frame, class and source are not whole numbers")
        lines.refuse((np.abs(wholes) > LAST_FRAME).any(1) | (time < 0), f"the frame is not in 0..{LAST_FRAME}")
        identity = wholes[:, 1:].astype(np.int64)
    lines.refuse(np.abs(azimuth) > LARGEST_AZIMUTH, f"the azimuth is not in -360..{LARGEST_AZIMUTH:.0f} degrees")
    low, high = ELEVATIONS[vertical_angle]
    lines.refuse(
        (angle < low) | (angle > high),
        f"the {vertical_angle} angle is not in {low:.0f}..{high:.0f} degrees (see the setting vertical_angle)",
    )
    vector = _unit_vectors(azimuth, angle if vertical_angle == "elevation" else 90 - angle)
    return Directions(time, vector, identity, framed=columns in DCASE, lines=lines)


def check_identities(directions: Directions) -> None:
    """Raise DataError if directions have no identity, or an identity is in a frame twice."""
    if len(directions.time) and not directions.framed:
        raise hnetzoo.DataError(
            f"'{directions.lines.path}' has no class and source; truth by identity and history need DCASE metadata: "
            "set truth to 'optimal' and history to 0"
        )
    keys = np.column_stack((directions.time.astype(np.int64), directions.identity))
    directions.lines.refuse(
        hnetzoo.repeated(keys),
        lambda i: f"source {keys[i, 2]} of class {keys[i, 1]} is in frame {keys[i, 0]} already",
    )


def _columns(lines: hnetzoo.NumberLines) -> int:
    """Return the number of columns that all lines have; raises DataError if they differ or the number is unknown."""
    columns = int(lines.columns[0]) if len(lines.columns) else PLAIN[0]
    known = f"the first line has {columns}" if columns in PLAIN + DCASE else "it must be 3, 5 or 6"
    wrong = (lines.columns != columns) | (columns not in PLAIN + DCASE)
    lines.refuse(wrong, lambda i: f"{lines.columns[i]} columns, but {known}")
    return columns


def _unit_vectors(azimuth_deg: Floats, elevation_deg: Floats) -> Floats:
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    flat = np.cos(elevation)
    return np.stack((flat * np.cos(azimuth), flat * np.sin(azimuth), np.sin(elevation)), axis=-1)
