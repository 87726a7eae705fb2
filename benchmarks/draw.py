"""Draw the stored results that are curves into benchmarks/figures: python benchmarks/draw.py."""

import json
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
import typer

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

ROOT = Path(__file__).parent
RESULTS, FIGURES = ROOT / "results", ROOT / "figures"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "hnetzoo",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
MARKERS = "osD^v"
TICKS, PLAIN = (1.0, 3.0), StrMethodFormatter("{x:g}")  # of a logarithmic axis, which may span less than a decade


def accuracy_against_time(result: dict[str, Any]) -> Any:
    """Return a figure with a panel per size: share of problems solved over time per problem, a line per model."""
    points = result["points"]
    sizes = sorted({point["size"] for point in points})
    figure, panels = pyplot.subplots(1, len(sizes), figsize=(11, 3.2), sharey=True, layout="constrained")
    for panel, size in zip(panels, sizes, strict=True):
        for way, marker in zip(dict.fromkeys(point["way"] for point in points), MARKERS, strict=False):
            line = [point for point in points if point["way"] == way and point["size"] == size]
            panel.plot(
                [point["milliseconds"] for point in line],
                [point["solved"] for point in line],
                marker=marker,
                markersize=4,
                linewidth=1.2,
                label=way,
            )
        panel.set(xscale="log", title=f"{size} x {size}", xlabel="ms per problem", ylim=(-0.03, 1.03))
        panel.xaxis.set(major_locator=LogLocator(subs=TICKS), minor_locator=NullLocator(), major_formatter=PLAIN)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("share solved exactly")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def learning_curves(result: dict[str, Any]) -> Any:
    """Return a figure with a panel per number of sources: mean validation GOSPA over epochs, a line per criterion."""
    study = result["study"]
    labels = [entry["label"] for entry in study["criteria"]]
    figure, panels = pyplot.subplots(1, len(study["sources"]), figsize=(11, 3.6), layout="constrained", squeeze=False)
    for panel, sources in zip(panels[0], study["sources"], strict=True):
        for label in labels:
            curves = [
                [record["gospa_deg"] for record in row["curve"]]
                for row in result["rows"]
                if (row["criterion"], row["sources"]) == (label, sources) and "curve" in row
            ]
            means = [fmean(values) for values in zip(*curves, strict=True)]
            panel.plot(range(1, len(means) + 1), means, linewidth=1.2, label=label)
        panel.set(title=f"{sources} source{'s' * (sources > 1)}", xlabel="epoch")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("GOSPA, validation [degrees]")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


DRAWINGS = {"curve-assignment": accuracy_against_time, "localizer": learning_curves}


def draw(name: str, folder: Path) -> Path:
    """Return the file of a stored result, drawn into a folder; the same result gives the same bytes."""
    with matplotlib.rc_context(STYLE):
        figure = DRAWINGS[name](json.loads((RESULTS / f"{name}.json").read_text()))
        path = folder / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
    return path


def stored() -> list[str]:
    """Return the names of the drawings that have a stored result."""
    return [name for name in DRAWINGS if (RESULTS / f"{name}.json").is_file()]


def main() -> None:
    """Draw all stored curves."""
    FIGURES.mkdir(exist_ok=True)
    for name in stored():
        print(f"drew {draw(name, FIGURES).relative_to(ROOT)}")


if __name__ == "__main__":
    typer.run(main)
