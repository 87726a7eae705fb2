"""Accuracy against time.

From a stored result of the benchmark: the share of assignment problems that are solved exactly over the time per
problem, as the number of iterations grows. [Larger problems](leaderboard/sizes.md) has all sizes.
"""

import json
from pathlib import Path

from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

ALT = (
    "Share of problems solved over milliseconds per problem at 16 x 16 and 64 x 64, a line for each of four ways."
    " Over-relaxed annealing reaches 1 soonest, constant temperature stays far below."
)
RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "curve-assignment.json"


def draw() -> Figure:
    """Return the figure."""
    points = json.loads(RESULT.read_text())["points"]
    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.4), layout="constrained", sharey=True)
    for panel, size in zip(panels, (16, 64), strict=True):
        for way in dict.fromkeys(point["way"] for point in points):
            line = [point for point in points if (point["way"], point["size"]) == (way, size)]
            panel.plot(*zip(*((p["milliseconds"], p["solved"]) for p in line), strict=True), marker="o", label=way)
        panel.set(title=f"{size} x {size}", xlabel="ms per problem", xscale="log", ylim=(-0.03, 1.03))
        panel.xaxis.set(major_locator=LogLocator(subs=(1, 3)), minor_locator=NullLocator())
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    panels[0].set_ylabel("share solved exactly")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure
