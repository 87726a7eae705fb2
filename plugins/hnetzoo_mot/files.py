"""Box files of the MOTChallenge: a line per box, `frame, identity, left, top, width, height[, confidence, ...]`.

Frames count from 1. Ground truth says in the seventh column whether a box is to be considered (0: not), detections and
trackers write their confidence there; detections have identity -1. What follows is not read.

Source: A. Milan et al., MOT16: A Benchmark for Multi-Object Tracking (2016), section 4.
"""

from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

import hnetzoo
from hnetzoo_mot.boxes import Floats

Ints = NDArray[np.int64]

COLUMNS = "frame, identity, left, top, width, height[, confidence, ...]"
REQUIRED, READ = 6, 7  # columns
CONSIDERED = 1.0  # confidence where a line has none
LARGEST = 1e12  # of any value, far beyond use; keeps areas and distances finite
SMALLEST = 1e-9  # of width and height, likewise
LAST_FRAME = 1_000_000  # about 11 hours at 25 frames per second; beyond it stands a slip of the pen


class Boxes(NamedTuple):
    """The lines of a file, in its order: frame, identity and line number int64 [l], box [l, 4], confidence [l]."""

    frame: Ints
    identity: Ints
    box: Floats
    confidence: Floats
    line: Ints


def read_boxes(path: Path) -> Boxes:
    """Read a box file; an empty one is a file without boxes.

    Raises:
        DataError: If the file cannot be read, or a line is not as described; names the file and the line.
    """
    lines = [(number, line) for number, line in enumerate(_text(path).splitlines(), start=1) if line.strip()]
    values = np.array([_numbers(path, number, line) for number, line in lines]).reshape(-1, READ)
    numbers = np.array([number for number, _ in lines], dtype=np.int64)
    frame, identity, size = values[:, 0], values[:, 1], values[:, 4:6]
    limits = (
        (~(np.abs(values) <= LARGEST).all(1), "a value is no number within 1e12"),
        ((frame != frame.round()) | (frame < 1) | (frame > LAST_FRAME), "the frame is no whole number from 1"),
        (identity != identity.round(), "the identity is no whole number"),
        ((size < SMALLEST).any(1), "width and height are not both above 0"),
    )
    for wrong, what in limits:
        if wrong.any():
            _refuse(path, int(numbers[wrong][0]), what)
    return Boxes(frame.astype(np.int64), identity.astype(np.int64), values[:, 2:6], values[:, 6], numbers)


def check_identities(path: Path, boxes: Boxes) -> None:
    """Raise DataError unless every box has an identity, 0 or above, that no other box of its frame has."""
    if (boxes.identity < 0).any():
        _refuse(path, int(boxes.line[boxes.identity < 0][0]), "a ground-truth box without identity")
    _, first = np.unique(np.stack((boxes.frame, boxes.identity)), axis=1, return_index=True)
    repeated = np.setdiff1d(np.arange(len(boxes.frame)), first)
    if len(repeated):
        index = repeated[0]
        what = f"identity {boxes.identity[index]} is in frame {boxes.frame[index]} already"
        _refuse(path, int(boxes.line[index]), what)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise hnetzoo.DataError(
            f"cannot read '{path}' ({reason}); give a box file with reference_file and prediction_file"
        ) from None


def _numbers(path: Path, number: int, line: str) -> list[float]:
    fields = line.split(",")[:READ]
    if len(fields) < REQUIRED:
        _refuse(path, number, f"{len(fields)} of at least {REQUIRED} columns")
    try:
        values = [float(field) for field in fields]
    except ValueError as error:
        _refuse(path, number, str(error))
    return values if len(values) == READ else [*values, CONSIDERED]


def _refuse(path: Path, line: int, what: str) -> NoReturn:
    raise hnetzoo.DataError(f"'{path}', line {line}: {what}; expected {COLUMNS}: correct the line or leave it out")
