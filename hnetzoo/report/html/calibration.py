"""Reliability diagrams: how often pairs are true, by the probability that a model gives them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from markupsafe import Markup

from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.report.html.svg import add, figure, finished

SIDE, LEFT, BOTTOM, EDGE = 150.0, 34.0, 36.0, 12.0
SURE = (0.1, 0.9)  # bins outside hold what a model is sure of
SMALLEST, LARGEST = 2.5, 9.0  # radii of dots; areas grow with the number of pairs
Bin = Mapping[str, float]


@dataclass(frozen=True)
class Diagram:
    """The diagram of a model, and its expected calibration error."""

    model: str
    chart: Markup
    error: float


def diagrams(models: Mapping[str, Sequence[BenchmarkRow]], name: str) -> list[Diagram]:
    """Return the diagrams of the models that have probabilities between `SURE`; others only say yes or no.

    Args:
        models: The rows of all seeds, by model.
        name: Unique in the page.
    """
    found = []
    for number, (model, rows) in enumerate(models.items()):
        bins = joined(bin_ for row in rows for bin_ in row.calibration)
        if any(SURE[0] < one["probability"] < SURE[1] for one in bins):
            error = calibration_error(bins)
            found.append(Diagram(model, _diagram(bins, f"{name}-{number}", model, error), error))
    return found


def joined(bins: Iterable[Bin]) -> list[Bin]:
    """Return bins with those of one tenth of the probabilities joined, weighted by their pairs.

    Example:
        >>> joined([{"probability": 0.5, "true": 0.0, "pairs": 1}, {"probability": 0.5, "true": 1.0, "pairs": 3}])
        [{'probability': 0.5, 'true': 0.75, 'pairs': 4}]
    """
    tenths: dict[int, list[Bin]] = {}
    for one in bins:
        tenths.setdefault(min(9, int(10 * one["probability"])), []).append(one)
    return [_mean(found) for _, found in sorted(tenths.items())]


def calibration_error(bins: Iterable[Bin]) -> float:
    """Return the mean over pairs of |probability - true share| of their bins; 0 without pairs."""
    found = list(bins)
    total = sum(one["pairs"] for one in found)
    return sum(one["pairs"] * abs(one["probability"] - one["true"]) for one in found) / max(1, total)


def _mean(bins: Sequence[Bin]) -> Bin:
    pairs = sum(one["pairs"] for one in bins)
    means = {name: sum(one[name] * one["pairs"] for one in bins) / pairs for name in ("probability", "true")}
    return {**means, "pairs": pairs}


def _diagram(bins: Sequence[Bin], name: str, model: str, error: float) -> Markup:
    """Return a square of probability and true share with the diagonal, and a dot for every bin."""
    shares = "; ".join(f"{one['probability']:.2f}: {one['true']:.2f} of {one['pairs']:,.0f} pairs" for one in bins)
    text = f"Probability and share of true pairs. {shares}."
    root = figure(name, f"{model}: reliability, error {error:.4f}", text, LEFT + SIDE + EDGE, EDGE + SIDE + BOTTOM)
    for tick in (0.0, 0.5, 1.0):
        add(root, "line", "grid", x1=_x(tick), x2=_x(tick), y1=_y(0), y2=_y(1))
        add(root, "line", "grid", x1=_x(0), x2=_x(1), y1=_y(tick), y2=_y(tick))
        add(root, "text", "tick", f"{tick:g}", x=_x(tick), y=_y(0) + 15, text_anchor="middle")
        add(root, "text", "tick", f"{tick:g}", x=_x(0) - 6, y=_y(tick) + 4, text_anchor="end")
    add(root, "text", "tick", "probability", x=_x(0.5), y=_y(0) + 31, text_anchor="middle")
    add(root, "line", "front", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1))
    most = max(one["pairs"] for one in bins)
    for one in bins:
        radius = max(SMALLEST, LARGEST * sqrt(one["pairs"] / most))
        add(root, "circle", "bin", cx=_x(one["probability"]), cy=_y(one["true"]), r=radius)
    return finished(root)


def _x(value: float) -> float:
    return LEFT + value * SIDE


def _y(value: float) -> float:
    return EDGE + (1 - value) * SIDE
