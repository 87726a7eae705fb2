"""Draw stored results into benchmarks/figures: python benchmarks/draw.py."""

import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib
import typer

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from benchmarks.localizer.tables import compared, sources_label

ROOT = Path(__file__).parent
RESULTS, FIGURES = ROOT / "results", ROOT / "figures"
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "hnetzoo",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
MARKERS = "osD^v"
BASELINE, TASKS = "hungarian", ("doa-reference", "doa", "doa-tracks")
SHOWN = (BASELINE, "hungarian-gated", "greedy", "sinkhorn", "hnetgru", "dhn", "transformer", "exchangeable")
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
    """Return a figure with a panel per scenario: the lowest validation GOSPA so far over epochs, a line per criterion.

    Lines are means over seeds, after the warm-up; a training that has ended keeps its lowest.
    """
    study, rows = result["study"], [row for row in result["rows"] if "curve" in row]
    warmup = study.get("training", {}).get("warmup", 0)
    scenarios = [entry["label"] for entry in study.get("scenarios", ())] or [*map(sources_label, study["sources"])]
    figure, panels = pyplot.subplots(1, len(scenarios), figsize=(11, 3.6), layout="constrained", squeeze=False)
    for panel, scenario in zip(panels[0], scenarios, strict=True):
        shown = [row for row in rows if row.get("scenario", sources_label(row["sources"])) == scenario]
        for label in (entry["label"] for entry in study["criteria"]):
            curves = [_lowest_so_far(row["curve"][warmup:]) for row in shown if row["criterion"] == label]
            longest = max(map(len, curves), default=0)
            padded = [curve + curve[-1:] * (longest - len(curve)) for curve in curves]
            means = [fmean(values) for values in zip(*padded, strict=True)]
            panel.plot(range(warmup + 1, warmup + longest + 1), means, linewidth=1.2, label=label)
        panel.set(title=scenario, xlabel="epoch")
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("GOSPA, validation [degrees]")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _lowest_so_far(curve: list[dict[str, float]]) -> list[float]:
    return list(accumulate((record["gospa_deg"] for record in curve), min))


def comparisons(result: dict[str, Any]) -> Any:
    """Return a figure with a panel per outcome: differences of the chosen tracking loss from its opponents.

    Whiskers are the intervals of a comparison alone; a point is filled where the difference is shown after correction.
    """
    found = compared(result)
    outcomes = list(dict.fromkeys(comparison.outcome for comparison in found))
    scenarios = list(dict.fromkeys(comparison.scenario for comparison in found))
    places = {pair: -place for place, pair in enumerate(dict.fromkeys((c.scenario, c.second) for c in found))}
    figure, panels = pyplot.subplots(1, len(outcomes), figsize=(11, 4.2), sharey=True, layout="constrained")
    for panel, outcome in zip(panels, outcomes, strict=True):
        for comparison in (c for c in found if c.outcome == outcome):
            value, low, high, _ = comparison.difference
            color = f"C{scenarios.index(comparison.scenario)}"
            panel.errorbar(
                value,
                places[comparison.scenario, comparison.second],
                xerr=[[value - low], [high - value]],
                color=color,
                marker="o",
                markerfacecolor=color if comparison.shown else "white",
                capsize=2,
            )
        panel.axvline(0.0, color="black", linewidth=0.8)
        panel.grid(alpha=0.3, axis="x")
        panel.set(title=outcome.name, xlabel=f"difference, better {'above' if outcome.sign > 0 else 'below'} 0")
    panels[0].set_yticks([*places.values()], [f"{scenario}: {name}" for scenario, name in places])
    return figure


def models_by_task(reference: dict[str, Any], tracks: dict[str, Any]) -> Any:
    """Return a figure with a line per model: its F1 on three tasks, and its time, beside those of the exact solver."""
    rows = reference["rows"] + tracks["rows"]
    measured = (*(("f1", task) for task in TASKS), ("microseconds_per_problem", "doa"))
    means = {
        (model, key, task): fmean(row[key] for row in rows if (row["model"], row["dataset"]) == (model, task))
        for key, task in measured
        for model in {row["model"] for row in rows if row["dataset"] == task}
    }
    models = sorted(SHOWN, key=lambda model: means[model, "f1", "doa"])
    figure, panels = pyplot.subplots(1, len(measured), figsize=(9, 2.6), sharey=True, layout="constrained")
    for panel, (key, task) in zip(panels, measured, strict=True):
        for place, model in enumerate(models):
            if (value := means.get((model, key, task))) is not None:
                panel.plot(value, place, "o", color="C1" if model == BASELINE else "C0")
        panel.axvline(means[BASELINE, key, task], color="C1", linewidth=0.8, linestyle="--")
        panel.grid(alpha=0.3)
        if key == "f1":
            panel.set(title=f"F1, {task}", xlim=(0.3, 1.04))
        else:
            panel.set(title="microseconds a problem", xscale="log")
            panel.xaxis.set(minor_locator=NullLocator(), major_formatter=PLAIN)
    panels[0].set_yticks(range(len(models)), models)
    return figure


DRAWINGS: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {  # how, and of which results
    "curve-assignment": (accuracy_against_time, ("curve-assignment",)),
    "localizer-first": (learning_curves, ("localizer",)),
    "localizer-study": (comparisons, ("localizer-study",)),
    "localizer-curves": (learning_curves, ("localizer-study",)),
    "models": (models_by_task, ("reference", "tracks")),
}


def draw(name: str, folder: Path) -> Path:
    """Return the file of a drawing, made in a folder; the same results give the same bytes."""
    with matplotlib.rc_context(STYLE):
        how, results = DRAWINGS[name]
        figure = how(*(json.loads(_file(result).read_text()) for result in results))
        path = folder / f"{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
    return path


def stored() -> list[str]:
    """Return the names of the drawings whose results are stored."""
    return [name for name, (_, results) in DRAWINGS.items() if all(_file(result).is_file() for result in results)]


def _file(result: str) -> Path:
    return RESULTS / f"{result}.json"


def main() -> None:
    """Draw all stored results that have a figure."""
    FIGURES.mkdir(exist_ok=True)
    for name in stored():
        print(f"drew {draw(name, FIGURES).relative_to(ROOT)}")


if __name__ == "__main__":
    typer.run(main)
