"""Box files of the MOTChallenge: a line per box, `frame, identity, left, top, width, height[, confidence, ...]`.

Frames count from 1. In ground truth the seventh column says whether a box is to be considered (0: not); detections and
trackers write their confidence there. Detections have identity -1. Further columns are not read.

Source: A. Milan et al., MOT16: A Benchmark for Multi-Object Tracking (2016), section 4.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hnetzoo.association.number_lines import NumberLines, read_number_lines, repeated
from hnetzoo.files import write_file

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COLUMNS = "frame, identity, left, top, width, height[, confidence, ...]"
REQUIRED, READ = 6, 7  # columns
CONSIDERED = 1.0  # confidence of a line without one
SMALLEST = 1e-9  # width or height of a box, far below real ones; keeps overlaps finite
LAST_FRAME = 1_000_000  # about 11 hours at 25 frames per second; a larger number is taken for a mistake


class Boxes(NamedTuple):
    """The boxes of a file, in its order, l of them; as `read_boxes` returns it.

    Fields:
        frame: Frames from 1, int64 [l].
        identity: Tracks or sources, int64 [l]; -1 for detections.
        box: Left, top, width and height [pixels], float64 [l, 4].
        confidence: Float64 [l], as in the file.
        lines: The lines, for errors that name them.

    Example:
        >>> boxes = Boxes._make([np.array([1]), np.array([7]), np.array([[0.0, 0.0, 10.0, 20.0]]), np.ones(1), None])
        >>> boxes.box.shape, boxes.identity.tolist()
        ((1, 4), [7])
    """

    frame: Ints
    identity: Ints
    box: Floats
    confidence: Floats
    lines: NumberLines

    def select(self, keep: Bools) -> "Boxes":
        """Return some of the boxes, bool [l]."""
        lines = self.lines._replace(**{name: getattr(self.lines, name)[keep] for name in ("values", "columns", "line")})
        return Boxes._make((*(field[keep] for field in self[:4]), lines))


def read_boxes(path: str | Path) -> Boxes:
    r"""Return the boxes of a file [pixels]; an empty file has none.

    Raises:
        DataError: If the file cannot be read, or a line is not as described; it names the file and the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "det.txt").write_text("1,-1,5,0,10,20,0.9\n")
        ...     boxes = read_boxes(Path(folder, "det.txt"))
        >>> boxes.frame.tolist(), boxes.box.tolist(), boxes.confidence.tolist()
        ([1], [[5.0, 0.0, 10.0, 20.0]], [0.9])
    """
    lines = read_number_lines(path, COLUMNS, REQUIRED, READ)
    frame, identity, size = lines.values[:, 0], lines.values[:, 1], lines.values[:, 4:6]
    whole = (frame == frame.round()) & (frame >= 1) & (frame <= LAST_FRAME)
    lines.refuse(~whole, "the frame is not a whole number from 1")
    lines.refuse(identity != identity.round(), "the identity is not a whole number")
    lines.refuse(np.any(size < SMALLEST, axis=1), "width and height are not both above 0")
    confidence = np.where(lines.columns < READ, CONSIDERED, lines.values[:, 6])
    return Boxes(frame.astype(np.int64), identity.astype(np.int64), lines.values[:, 2:6], confidence, lines)


def write_tracks(path: str | Path, boxes: Boxes, identity: Ints) -> None:
    r"""Write boxes with identities as a tracker's result, ordered by frame and identity; replaces the file.

    Args:
        path: The file.
        boxes: Boxes, l of them.
        identity: Their tracks, int64 [l].

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "det.txt").write_text("1,-1,5,0,10,20,0.9\n")
        ...     write_tracks(Path(folder, "tracks.txt"), read_boxes(Path(folder, "det.txt")), np.array([3]))
        ...     Path(folder, "tracks.txt").read_text()
        '1,3,5,0,10,20,0.9,-1,-1,-1\n'
    """
    order = np.lexsort((identity, boxes.frame))
    rows = np.column_stack((boxes.box, boxes.confidence))[order].tolist()
    names = zip(boxes.frame[order].tolist(), identity[order].tolist(), rows, strict=True)
    lines = (f"{frame},{name},{','.join(f'{value:.10g}' for value in row)},-1,-1,-1\n" for frame, name, row in names)
    write_file(Path(path), "".join(lines).encode())


def check_identities(boxes: Boxes) -> None:
    r"""Raise DataError unless every box has an identity, 0 or above, that no other box of its frame has.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "gt.txt").write_text("1,7,5,0,10,20\n1,8,9,0,10,20\n")
        ...     check_identities(read_boxes(Path(folder, "gt.txt")))
    """
    boxes.lines.refuse(boxes.identity < 0, "a ground-truth box has no identity")
    again = repeated(np.column_stack((boxes.frame, boxes.identity)))
    boxes.lines.refuse(again, lambda i: f"identity {boxes.identity[i]} is in frame {boxes.frame[i]} already")
