"""Differences with their intervals, as one SVG: whether they are clear of 0 is seen at a glance."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from hnetzoo.report.html.axes import LEFT, WIDTH, linear_scale
from hnetzoo.report.html.svg import add, figure, finished

ROW = 46.0  # units of a difference: a line of text above its interval
TICKS = 40.0  # units of the axis below
RIGHT = WIDTH - 30.0  # so that the number of the last tick has room
END = 5.0  # half of the stroke at either end of an interval


class Interval(NamedTuple):
    """A difference, by name, and the bounds of its interval."""

    name: str
    value: float
    low: float
    high: float


def interval_chart(intervals: Sequence[Interval], *, name: str, title: str, x_name: str) -> Markup:
    """Return a chart of differences below each other, with a line at 0.

    Args:
        intervals: What is shown, from top to bottom.
        name: Unique in the page.
        title: What it shows.
        x_name: Of the axis, with the unit.
    """
    bottom = ROW * len(intervals) + 10
    x = linear_scale((0.0, *(bound for one in intervals for bound in one[1:])), LEFT, RIGHT)
    told = "; ".join(f"{one.name}: {one.value:+.4f}, {one.low:+.4f} to {one.high:+.4f}" for one in intervals)
    root = figure(name, title, f"{x_name}. {told}.", WIDTH, bottom + TICKS)
    for tick in x.ticks:
        add(root, "text", "tick", f"{tick:+g}" if tick else "0", x=x(tick), y=bottom + 15, text_anchor="middle")
    add(root, "text", "axis", x_name, x=(LEFT + RIGHT) / 2, y=bottom + 33, text_anchor="middle")
    for index, one in enumerate(intervals):
        middle = ROW * index + 34
        for tick in x.ticks:
            style = "marked" if tick == 0 else "grid"
            add(root, "line", style, x1=x(tick), x2=x(tick), y1=middle - 2 * END, y2=middle + 3 * END)
        add(root, "text", "label", one.name, x=LEFT, y=middle - 12)
        add(root, "line", "curve c0", x1=x(one.low), x2=x(one.high), y1=middle, y2=middle)
        for bound in (one.low, one.high):
            add(root, "line", "curve c0", x1=x(bound), x2=x(bound), y1=middle - END, y2=middle + END)
        add(root, "circle", "point filled", cx=x(one.value), cy=middle, r=4.5)
    return finished(root)
