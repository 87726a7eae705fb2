"""One table over several suites: every model of the zoo as it comes, by task."""

from collections.abc import Mapping
from statistics import fmean
from typing import Any, NamedTuple

from hnetzoo.benchmark.results import BenchmarkReport
from hnetzoo.report.markdown import render_table
from hnetzoo.report.tables import ABSENT, BEYOND, BEYOND_CAPTION, SUBMITTED, Table, joined_rows


class _Task(NamedTuple):
    """A column: its title, the suite and the task in it, and the score of a row."""

    title: str
    suite: str
    name: str
    metric: str


TASKS = (
    _Task("original protocol, 2 slots", "reference", "doa-reference", "f1"),
    _Task("corrected, 2 slots", "reference", "doa", "f1"),
    _Task("masked, 4 slots", "masked-slots", "4 slots", "exact"),
    _Task("assignment, 8 x 8", "sizes", "directions-8", "exact"),
    _Task("assignment, 32 x 32", "sizes", "directions-32", "exact"),
    _Task("identity, 4 slots", "tracks", "doa-tracks", "f1"),
    _Task("identity, 10 slots", "crowds", "doa-tracks, 10 slots", "f1"),
    _Task("video, 5 frames on", "video", "mot17 +5 iou", "f1"),
)
SUITES = tuple(dict.fromkeys(task.suite for task in TASKS))
NEVER = "exchangeable, never unmatched"
TOLD = {f"exchangeable, {truth}": "exchangeable, told what a pair means" for truth in ("activity", "identity")}
RENAMED = {"gate": "hungarian-gated", "features": "motion", **TOLD}  # labels of suites
CAPTION = (
    "F1, and on masked slots and assignment the share of problems whose whole matrix is right; means over seeds. "
    "Weights are as shipped; gates and costs of staying unmatched are those of the suite, or tuned on validation. "
    f"{ABSENT} not run, or of another size. **Bold** is the largest number of a column. {BEYOND_CAPTION}"
)
SUBMITTED_CAPTION = f"{SUBMITTED} Submitted, run by others."


def matrix(reports: Mapping[str, BenchmarkReport]) -> str:
    """Return the table of models by tasks, of the reports of `SUITES` by name, as Markdown."""
    scores = [_scores(reports[task.suite], task) for task in TASKS]
    models = dict.fromkeys(model for column in scores for model in column)
    cells = [_cells(column, models) for column in scores]
    rows = tuple(zip(models, *cells, strict=True))
    columns = ("model", *(task.title for task in TASKS))
    caption = f"{CAPTION} {SUBMITTED_CAPTION}" if any(SUBMITTED in model for model in models) else CAPTION
    return render_table(Table(title="Models by task", caption=caption, columns=columns, rows=rows), "##")


def _scores(report: BenchmarkReport, task: _Task) -> dict[str, tuple[float, str]]:
    """Return the mean score and the mark of each model that was not trained for the task."""
    found = {}
    for (label, name), rows in joined_rows(report.rows).items():
        outside = any(row.outside for row in rows)
        shown = "," not in label or label == NEVER or (label in TOLD and not outside)
        if name == task.name and shown:
            score = fmean(getattr(row, task.metric) for row in rows)
            found[RENAMED.get(label, label)] = (score, BEYOND if outside else "")
    return found


def _cells(column: Mapping[str, tuple[float, str]], models: Mapping[str, Any]) -> list[str]:
    texts = {model: f"{score:.3f}" for model, (score, _) in column.items()}
    best = max(texts.values())
    marked = {model: f"**{text}**" if text == best else text for model, text in texts.items()}
    return [f"{marked[model]}{column[model][1]}" if model in column else ABSENT for model in models]
