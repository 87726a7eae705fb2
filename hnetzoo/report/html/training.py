"""A training as one HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple

from markupsafe import Markup

from hnetzoo.report.html.charts import Line, line_chart
from hnetzoo.report.html.facts import made
from hnetzoo.report.html.page import render_page
from hnetzoo.training.observer import EpochRecord
from hnetzoo.training.runs import RunRecord

QUALITIES: Mapping[str, str] = {"f1": "F1", "exact": "exact matches", "precision": "precision", "recall": "recall"}


class Tile(NamedTuple):
    """A number of the result, large, with what it is and a line of explanation."""

    name: str
    text: str
    explanation: str


class Figure(NamedTuple):
    """A chart with its lines for the legend, and a caption."""

    chart: Markup
    lines: Sequence[Line]
    caption: str


def render_training(record: RunRecord, metrics: Sequence[EpochRecord], result: Mapping[str, Any]) -> str:
    """Return a page about a training: its result, curves, settings and every epoch.

    Args:
        record: What was trained on what; run.json.
        metrics: The epochs; metrics.jsonl.
        result: {"best_epoch", "best_f1", "test": the test row}; result.json. Empty if the training has not ended.
    """
    best = metrics[-1].best_epoch if metrics else 0
    own = list(dict.fromkeys(name for epoch in metrics for name in epoch.own_metrics))
    return render_page(
        "training.html",
        title=f"{record.model} trained on {record.dataset}",
        record=record,
        facts={**made(record.environment), "device": record.device},
        tiles=_tiles(result) if result else [],
        shortfall=metrics[-1].shortfall if metrics else "",
        figures=_figures(metrics, own) if metrics else [],
        settings=record.settings,
        epochs=metrics,
        best=best,
        losses=list(metrics[0].losses) if metrics else [],
        qualities={**QUALITIES, **{name: name for name in own}},
    )


def _figures(metrics: Sequence[EpochRecord], own: Sequence[str]) -> list[Figure]:
    best = metrics[-1].best_epoch
    fitted = not metrics[-1].losses
    return [
        _losses(metrics, best),
        _qualities(metrics, best),
        *([_own(metrics, own, best)] if own else []),
        *([] if fitted else [_rates(metrics)]),
    ]


def _tiles(result: Mapping[str, Any]) -> list[Tile]:
    test = result["test"]
    of = f"{test['problems']:,} test problems"
    gap = test.get("cost_gap")
    return [
        Tile("Test F1", f"{test['f1']:.4f}", f"{of}; precision {test['precision']:.4f}, recall {test['recall']:.4f}"),
        Tile("Exact matches", f"{test['exact']:.1%}", "of the test problems"),
        Tile("Against scipy", f"{test['delta_f1']:+.4f}", "F1, against the exact assignment of the distances"),
        Tile("Cost gap", "-" if gap is None else f"{gap:.2%}", "dearer than the cheapest assignment"),
        Tile("Best epoch", str(result["best_epoch"]), f"validation F1 {result['best_f1']:.4f}"),
        Tile("Time", f"{test['microseconds_per_problem']:.1f} us", f"a problem; {test['parameters']:,} parameters"),
    ]


def _losses(metrics: Sequence[EpochRecord], best: int) -> Figure:
    terms = ((record.losses, record.validation.get("losses", {})) for record in metrics)
    names = list(dict.fromkeys(name for pair in terms for losses in pair for name in losses))
    lines = []
    for colour, name in enumerate(names):
        trained = ((record.epoch, record.losses.get(name)) for record in metrics)
        checked = ((record.epoch, record.validation.get("losses", {}).get(name)) for record in metrics)
        lines += _line(f"{name}, training", trained, colour)
        lines += _line(f"{name}, validation", checked, colour, dashed=True)
    chart = line_chart(
        lines, name="losses", title="Losses by epoch", x_name="epoch", y_name="loss per problem", marked=best
    )
    return Figure(chart, lines, f"Losses; epoch {best}, the best in validation, is marked.")


def _qualities(metrics: Sequence[EpochRecord], best: int) -> Figure:
    lines = []
    for colour, (key, name) in enumerate(QUALITIES.items()):
        lines += _line(name, ((record.epoch, record.validation.get(key)) for record in metrics), colour)
    solver = metrics[-1].exact_solver_f1
    if solver is not None:
        ends = [(record.epoch, solver) for record in (metrics[0], metrics[-1])]
        lines += _line("F1 of the exact solver", ends, 5, dashed=True)
    title = "Validation by epoch"
    chart = line_chart(lines, name="qualities", title=title, x_name="epoch", y_name="validation", marked=best)
    return Figure(chart, lines, f"Validation; epoch {best}, of the best F1, is marked, and its weights are kept.")


def _own(metrics: Sequence[EpochRecord], names: Sequence[str], best: int) -> Figure:
    lines = []
    for colour, name in enumerate(names):
        lines += _line(name, ((record.epoch, record.validation.get(name)) for record in metrics), colour)
    title = "The trainer's own metrics by epoch"
    chart = line_chart(lines, name="own", title=title, x_name="epoch", y_name="validation", marked=best)
    return Figure(chart, lines, f"What the trainer itself measures in validation; epoch {best} is marked.")


def _rates(metrics: Sequence[EpochRecord]) -> Figure:
    lines = _line("learning rate", ((record.epoch, record.learning_rate) for record in metrics), 0)
    chart = line_chart(lines, name="rates", title="Learning rate by epoch", x_name="epoch", y_name="learning rate")
    return Figure(chart, [], "The learning rate at the end of each epoch.")


def _line(name: str, points: Iterable[tuple[int, float | None]], colour: int, *, dashed: bool = False) -> list[Line]:
    """Return a line through the epochs that have a finite number, none if no epoch has."""
    known = [(float(epoch), value) for epoch, value in points if value is not None and isfinite(value)]
    return [Line(name, known, colour, dashed)] if known else []
