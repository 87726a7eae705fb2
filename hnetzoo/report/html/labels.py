"""Places for the labels of points, so that texts cover neither each other nor a point."""

from collections.abc import Sequence
from typing import NamedTuple

from hnetzoo.report.html.svg import LETTER, LINE

GAP = 8.0  # units between a point and its label
TRIES = 9  # lines above and below a point


class Box(NamedTuple):
    """A rectangle: left, top, right and bottom, y growing downwards."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Return whether two rectangles share a place."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def place_labels(points: Sequence[tuple[float, float]], texts: Sequence[str], within: Box) -> list[Box]:
    """Return where to write the label of each point: beside it, as near as others leave room.

    Args:
        points: x and y.
        texts: Their labels.
        within: Labels stay inside, where they can.

    Example:
        >>> first, second = place_labels([(5, 50), (5, 50)], ["a", "b"], Box(0, 0, 100, 100))
        >>> first.meets(second)
        False
    """
    taken = [Box(x - 4, y - 4, x + 4, y + 4) for x, y in points]
    placed: dict[int, Box] = {}
    for index in sorted(range(len(points)), key=lambda index: points[index][1]):
        choices = _choices(*points[index], len(texts[index]) * LETTER)
        free = [box for box in choices if _inside(box, within) and not any(box.meets(other) for other in taken)]
        placed[index] = (free or choices)[0]
        taken.append(placed[index])
    return [placed[index] for index in range(len(points))]


def _choices(x: float, y: float, width: float) -> list[Box]:
    """Return rectangles to the right and left of a point, the nearest first."""
    steps = sorted(range(-TRIES, TRIES + 1), key=lambda step: (abs(step), -step))
    lefts = (x + GAP, x - GAP - width)
    boxes = [(left, y + (step - 0.5) * LINE) for step in steps for left in lefts]
    return [Box(left, top, left + width, top + LINE) for left, top in boxes]


def _inside(box: Box, within: Box) -> bool:
    across = box.left >= within.left and box.right <= within.right
    return across and box.top >= within.top and box.bottom <= within.bottom
