"""Axes of charts: scales, round ticks, and the frame that a chart is drawn into."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from hnetzoo.report.html.svg import add, figure

WIDTH, HEIGHT = 560.0, 340.0
LEFT, RIGHT, TOP, BOTTOM = 52.0, 14.0, 26.0, 46.0
TICKS = 5  # about as many on an axis
FEW_DECADES = 2  # a logarithmic axis of fewer decades is also labelled at 2 and 5


@dataclass(frozen=True)
class Scale:
    """A map of numbers in low..high to places in start..end; both ends are given, and `ticks` lie in between."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value."""
        low, high, value = (math.log10(x) if self.logarithmic else x for x in (self.low, self.high, value))
        return self.start + (value - low) / (high - low) * (self.end - self.start)


def linear_scale(values: Iterable[float], start: float, end: float, *, whole: bool = False) -> Scale:
    """Return a scale whose ends are round and hold all values; `whole` has ticks at whole numbers alone.

    Example:
        >>> linear_scale([0.62, 0.99], 0, 100).ticks
        (0.6, 0.7, 0.8, 0.9, 1.0)
    """
    found = list(values) or [0.0]
    low, high = min(found), max(found)
    if low == high:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    step = max(_round_step((high - low) / TICKS), 1.0 if whole else 0.0)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(index * step, 12) for index in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], start, end, ticks)


def log_scale(values: Iterable[float], start: float, end: float) -> Scale:
    """Return a logarithmic scale of numbers above 0, with ticks at powers of ten.

    Example:
        >>> log_scale([0.3, 40], 0, 100).ticks
        (1.0, 10.0)
    """
    found = list(values) or [1.0]
    low, high = min(found) / 1.5, max(found) * 1.5
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if math.log10(high / low) < FEW_DECADES else (1,)
    ticks = tuple(step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high)
    return Scale(low, high, start, end, ticks, logarithmic=True)


def frame(name: str, title: str, description: str, x: Scale, y: Scale, x_name: str, y_name: str) -> Element:
    """Return a drawing of two axes with ticks, grid lines and names; `name` is unique in the page."""
    root = figure(name, title, description, WIDTH, HEIGHT)
    for tick in x.ticks:
        add(root, "line", "grid", x1=x(tick), x2=x(tick), y1=TOP, y2=HEIGHT - BOTTOM)
        add(root, "text", "tick", f"{tick:g}", x=x(tick), y=HEIGHT - BOTTOM + 17, text_anchor="middle")
    for tick in y.ticks:
        add(root, "line", "grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y(tick), y2=y(tick))
        add(root, "text", "tick", f"{tick:g}", x=LEFT - 8, y=y(tick) + 4, text_anchor="end")
    add(root, "text", "axis", x_name, x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 8, text_anchor="middle")
    add(root, "text", "axis", y_name, x=0, y=12)
    return root


def horizontal(values: Iterable[float], *, logarithmic: bool = False) -> Scale:
    """Return the scale of a chart's horizontal axis: logarithmic, or of whole numbers."""
    ends = LEFT, WIDTH - RIGHT
    return log_scale(values, *ends) if logarithmic else linear_scale(values, *ends, whole=True)


def vertical(values: Iterable[float]) -> Scale:
    """Return the scale of a chart's vertical axis."""
    return linear_scale(values, HEIGHT - BOTTOM, TOP)


def _round_step(step: float) -> float:
    """Return the smallest of 1, 2 and 5 times a power of ten that is not below a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))
