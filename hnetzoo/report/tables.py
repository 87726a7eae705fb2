"""The tables of a report, independent of where they are shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from hnetzoo.results import BenchmarkReport, BenchmarkRow

MOST_GROUPS = 16  # columns of a breakdown; larger problems are left to the JSON document
ABSENT = "-"

Groups = Mapping[str, Mapping[str, float]]
Rows = list[BenchmarkRow]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A title, a caption, column names, and rows of text; the first column is the model."""

    title: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class _Column(NamedTuple):
    name: str
    value: Callable[[BenchmarkRow], float | None]
    form: str = "{:.4f}"


_COLUMNS = (
    _Column("F1", lambda row: row.f1),
    _Column("weighted F1", lambda row: row.weighted_f1),
    _Column("precision", lambda row: row.precision),
    _Column("recall", lambda row: row.recall),
    _Column("exact", lambda row: row.exact),
    _Column("valid", lambda row: row.validity),
    _Column("F1 1-to-1", lambda row: row.f1_one_to_one),
    _Column("cost gap", lambda row: row.cost_gap, "{:.2%}"),
    _Column("vs scipy", lambda row: row.delta_f1, "{:+.4f}"),
    _Column("us/problem", lambda row: row.microseconds_per_problem, "{:.1f}"),
    _Column("parameters", lambda row: row.parameters, "{:,.0f}"),
)


def report_tables(report: BenchmarkReport) -> list[Table]:
    """Build the tables of a report: per dataset the ranking, then exact shares by cell and by slot layout.

    Rows of several seeds are joined into their mean.

    Example:
        >>> report_tables(BenchmarkReport(environment={}, rows=()))
        []
    """
    tables: list[Table] = []
    shown = [row.dataset for row in report.rows] + [entry.dataset for entry in report.skipped]
    for dataset in dict.fromkeys(shown):
        models: dict[str, Rows] = {}
        for row in report.rows:
            if row.dataset == dataset:
                models.setdefault(row.model, []).append(row)
        tables.append(_ranking(dataset, models, report))
        cells = "Share of matrices that are wholly right, by active references x active predictions."
        tables += _breakdown(f"{dataset}, by cell", cells, models, lambda row: row.cells)
        layouts = "Share of matrices that are wholly right, by the slots that are active (1): references x predictions."
        tables += _breakdown(f"{dataset}, by slot layout", layouts, models, lambda row: row.layouts)
    return tables


def _ranking(dataset: str, models: Mapping[str, Rows], report: BenchmarkReport) -> Table:
    """Rank by F1, the baseline on top."""
    order = sorted(models, key=lambda model: (model != report.baseline, -fmean(row.f1 for row in models[model])))
    ranked = [
        (model, *(_text([column.value(row) for row in models[model]], column.form) for column in _COLUMNS))
        for model in order
    ]
    blank = ("",) * (len(_COLUMNS) - 1)
    missing = [(entry.model, entry.reason, *blank) for entry in report.skipped if entry.dataset == dataset]
    return Table(
        title=dataset,
        caption=_caption(models),
        columns=("model", *(column.name for column in _COLUMNS)),
        rows=(*ranked, *missing),
    )


def _caption(models: Mapping[str, Rows]) -> str:
    """Say how many problems and seeds stand behind the numbers, and how far F1 strays between seeds."""
    rows = next(iter(models.values()), [])
    if not rows:
        return "No model takes these problems."
    text = f"{rows[0].problems:,} {rows[0].split} problems, seed {', '.join(str(row.seed) for row in rows)}."
    if len(rows) > 1:
        spread = max(abs(row.f1 - fmean(other.f1 for other in rows)) for rows in models.values() for row in rows)
        text += f" Means over seeds; no F1 is farther than {spread:.4f} from its mean."
    return f"{text} Ratios are 1 where nothing was to be found and nothing was found."


def _breakdown(
    title: str, caption: str, models: Mapping[str, Rows], groups: Callable[[BenchmarkRow], Groups]
) -> list[Table]:
    """Show exact shares per group; no table where there is one group or too many."""
    first = next(iter(models.values()), [])
    names = tuple(sorted({name for row in first for name in groups(row)}))
    if not 1 < len(names) <= MOST_GROUPS:
        return []
    shares = [
        (model, *(_text([_exact(groups(row), name) for row in rows], "{:.3f}") for name in names))
        for model, rows in models.items()
    ]
    counts = [f"{sum(groups(row).get(name, {}).get('problems', 0) for row in first):,.0f}" for name in names]
    return [Table(title=title, caption=caption, columns=("model", *names), rows=(*shares, ("problems", *counts)))]


def _exact(groups: Groups, name: str) -> float | None:
    return groups[name]["exact"] if name in groups else None


def _text(values: list[float | None], form: str) -> str:
    """Write the mean of what there is."""
    present = [value for value in values if value is not None]
    return form.format(fmean(present)) if present else ABSENT
