"""Drawings of problems: boxes of references and predictions, and the pairs between them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from markupsafe import Markup

from hnetzoo.benchmark.results import Disagreement, Matrix
from hnetzoo.report.html.svg import add, figure, finished

WIDTH = 560.0
TALLEST, LOWEST = 460.0, 180.0  # units; a drawing keeps the shape of the scene in between
MARGIN = 16.0
BOX = ("x", "y", "width", "height")  # centre and size, as `hnetzoo.boxes.FEATURES` names them


class Place(NamedTuple):
    """A box in a drawing: its centre and size."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, scale: float, across: float, down: float) -> "Place":
        """Return the box enlarged around the origin, then moved."""
        return Place(self.x * scale + across, self.y * scale + down, self.width * scale, self.height * scale)


def draw_problem(problem: Disagreement, name: str, letters: Mapping[str, str]) -> Markup | None:
    """Return the boxes of a problem with its true pairs and all answers as lines; None without features of boxes.

    Args:
        problem: References are drawn solid, predictions dashed.
        name: Unique in the page.
        letters: The letters that stand for the models.
    """
    places = _places(problem)
    if places is None:
        return None
    rows, columns, height = places
    description = "Boxes of references r and predictions p; lines join true pairs and the pairs of each model."
    root = figure(name, "Boxes and pairs", description, WIDTH, height)
    for kind, boxes in (("r", rows), ("p", columns)):
        for index, place in enumerate(boxes):
            _box(root, place, kind, f"{kind}{index + 1}")
    _pairs(root, problem.truth, rows, columns, "pair truth", 0.0)
    for index, model in enumerate(letters):
        _pairs(root, problem.answers[model], rows, columns, f"pair m{index}", 3.0 * (index + 1))
    return finished(root)


def _places(problem: Disagreement) -> tuple[list[Place], list[Place], float] | None:
    """Return where the boxes of references and predictions are drawn, and the height of the drawing."""
    if problem.row_features is None or problem.col_features is None or not set(BOX) <= set(problem.features):
        return None
    given = [_boxes(side, problem.features) for side in (problem.row_features, problem.col_features)]
    everything = [box for side in given for box in side]
    left, top = (min(box[a] - box[a + 2] / 2 for box in everything) for a in (0, 1))
    right, bottom = (max(box[a] + box[a + 2] / 2 for box in everything) for a in (0, 1))
    room = WIDTH - 2 * MARGIN, TALLEST - 2 * MARGIN
    scale = min(room[0] / max(right - left, 1e-9), room[1] / max(bottom - top, 1e-9))
    shift = (WIDTH - scale * (right - left)) / 2 - scale * left, MARGIN - scale * top
    rows, columns = ([box.moved(scale, *shift) for box in side] for side in given)
    return rows, columns, max(LOWEST, scale * (bottom - top) + 2 * MARGIN)


def _boxes(features: Matrix, names: Sequence[str]) -> list[Place]:
    places = [names.index(name) for name in BOX]
    return [Place(*(values[place] for place in places)) for values in features]


def _box(root: Element, place: Place, kind: str, text: str) -> None:
    left, top = place.x - place.width / 2, place.y - place.height / 2
    add(root, "rect", f"box {kind}", x=left, y=top, width=place.width, height=place.height, rx=2)
    across = left + 3 if kind == "r" else left + place.width - 3
    down = top + 13 if kind == "r" else top + place.height - 4
    add(root, "text", f"name {kind}", text, x=across, y=down, text_anchor="start" if kind == "r" else "end")


def _pairs(
    root: Element,
    pairs: Sequence[tuple[int, int]],
    rows: Sequence[Place],
    columns: Sequence[Place],
    style: str,
    aside: float,
) -> None:
    """Draw pairs as lines between centres, `aside` units lower so that equal pairs do not cover each other."""
    for i, j in pairs:
        start, end = rows[i], columns[j]
        add(root, "line", style, x1=start.x, y1=start.y + aside, x2=end.x, y2=end.y + aside)
        add(root, "circle", style, cx=start.x, cy=start.y + aside, r=2.5)
