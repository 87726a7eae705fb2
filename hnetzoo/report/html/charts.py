"""Charts as SVG: pure functions of numbers."""

from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from markupsafe import Markup

from hnetzoo.report.html.axes import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Scale, frame, horizontal, vertical
from hnetzoo.report.html.labels import Box, place_labels
from hnetzoo.report.html.svg import LINE, add, finished, number

COLOURS = 8  # of lines, as classes c0..c7 of the style sheet
PLOT = Box(LEFT, TOP, WIDTH - RIGHT, HEIGHT - BOTTOM)


class Point(NamedTuple):
    """A labelled point of a scatter chart."""

    label: str
    x: float
    y: float


class Line(NamedTuple):
    """A named line through points (x, y); `dashed` tells lines of one colour apart."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int = 0
    dashed: bool = False


def scatter_chart(points: Sequence[Point], *, name: str, title: str, x_name: str, y_name: str) -> Markup:
    """Return a chart of labelled points over a logarithmic axis; those that none beats in both are filled and joined.

    Args:
        points: x above 0, less is better; y, more is better.
        name: Unique in the page.
        title: What it shows.
        x_name: Of the horizontal axis, with the unit.
        y_name: Of the vertical axis.
    """
    x = horizontal((point.x for point in points), logarithmic=True)
    y = vertical(point.y for point in points)
    best = unbeaten(points)
    description = "; ".join(f"{point.label}: {point.x:.3g}, {point.y:.4f}" for point in points)
    root = frame(name, title, f"{x_name}, {y_name}. {description}.", x, y, x_name, y_name)
    if best:
        add(root, "path", "front", d=_staircase(best, x, y))
    places = [(x(point.x), y(point.y)) for point in points]
    boxes = place_labels(places, [point.label for point in points], PLOT)
    for point, (across, down), box in zip(points, places, boxes, strict=True):
        _labelled(root, point, across, down, box, filled=point in best)
    return finished(root)


def unbeaten(points: Sequence[Point]) -> list[Point]:
    """Return the points than which no other has a smaller or equal x and a larger y, from left to right.

    Example:
        >>> [point.label for point in unbeaten([Point("slow", 2, 0.5), Point("fast", 1, 0.5), Point("good", 3, 0.9)])]
        ['fast', 'good']
    """
    found: list[Point] = []
    for point in sorted(points, key=lambda point: (point.x, -point.y)):
        if not found or point.y > found[-1].y:
            found.append(point)
    return found


def line_chart(
    lines: Sequence[Line], *, name: str, title: str, x_name: str, y_name: str, marked: float | None = None
) -> Markup:
    """Return a chart of lines over whole numbers; `marked` is the best of them, which a vertical line marks.

    Arguments otherwise as in `scatter_chart`; the legend is the page's.
    """
    x = horizontal(across for line in lines for across, _ in line.points)
    y = vertical(up for line in lines for _, up in line.points)
    ends = "; ".join(f"{line.name}: from {line.points[0][1]:.4g} to {line.points[-1][1]:.4g}" for line in lines)
    root = frame(name, title, f"{y_name} by {x_name}. {ends}.", x, y, x_name, y_name)
    if marked is not None:
        add(root, "line", "marked", x1=x(marked), x2=x(marked), y1=TOP, y2=HEIGHT - BOTTOM)
        add(root, "text", "tick", "best", x=x(marked), y=TOP - 5, text_anchor="middle")
    for line in lines:
        style = f"curve c{line.colour % COLOURS}{' dashed' if line.dashed else ''}"
        add(root, "path", style, d="M" + "L".join(f"{number(x(a))} {number(y(b))}" for a, b in line.points))
        if len(line.points) == 1:
            add(root, "circle", f"dot c{line.colour % COLOURS}", cx=x(line.points[0][0]), cy=y(line.points[0][1]), r=3)
    return finished(root)


def _labelled(root: Element, point: Point, across: float, down: float, box: Box, *, filled: bool) -> None:
    """Draw a point, its label, and a thin line between them where the label is not beside it."""
    beside = abs(box.top + LINE / 2 - down) < LINE / 2
    group = add(root, "g")
    add(group, "title", text=f"{point.label}: {point.x:.3g}, {point.y:.4f}")
    if not beside:
        edge = box.left - 2 if box.left > across else box.right + 2
        add(group, "line", "leader", x1=across, y1=down, x2=edge, y2=box.top + LINE / 2)
    add(group, "circle", "point filled" if filled else "point", cx=across, cy=down, r=4.5)
    anchor, place = ("start", box.left) if box.left > across else ("end", box.right)
    add(group, "text", "label", point.label, x=place, y=box.bottom - 3.5, text_anchor=anchor)


def _staircase(points: Sequence[Point], x: Scale, y: Scale) -> str:
    """Return a path that steps up at each point, and runs on to the right edge."""
    start = f"M{number(x(points[0].x))} {number(y(points[0].y))}"
    steps = "".join(f"H{number(x(point.x))}V{number(y(point.y))}" for point in points[1:])
    return f"{start}{steps}H{number(WIDTH - RIGHT)}"
