"""Tables of the comparison: scores by frame rate, and how far the reference is ahead, with paired intervals."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t

from hnetzoo.report.markdown import render_table
from hnetzoo.report.tables import Table
from hnetzoo.tracking.counts import SCORE_NAMES

COMPARED = ("assa", "idf1")
CONFIDENCE = 0.95
Row = dict[str, Any]


def tracking_tables(result: dict[str, Any]) -> str:
    """Return a table per frame rate: means over sequences, switches in all, and the lead of the reference."""
    reference, rows = result["suite"]["reference"], result["rows"]
    sequences = ", ".join(dict.fromkeys(row["sequence"] for row in rows))
    caption = (
        f"Means over {sequences}; IDSW in all. The lead of `{reference}` over each row is a mean over sequences, with "
        f"its paired {CONFIDENCE:.0%} interval."
    )
    leads = (f"{reference} ahead in {SCORE_NAMES[key]}" for key in COMPARED)
    columns = ("matcher", *SCORE_NAMES.values(), "IDSW", *leads)
    tables = []
    for every in result["suite"]["every"]:
        of_rate = [row for row in rows if row["every"] == every]
        by_model = {row["model"]: [other for other in of_rate if other["model"] == row["model"]] for row in of_rate}
        lines = tuple(_line(name, mine, by_model[reference]) for name, mine in by_model.items())
        title = "Every frame" if every == 1 else f"Every {every}{'rd' if every == 3 else 'th'} frame"
        tables.append(render_table(Table(title=title, caption=caption, columns=columns, rows=lines), "####"))
    return "\n".join(tables)


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the bounds of the mean of at least two paired differences, by Student's t.

    Example:
        >>> [round(bound, 3) for bound in interval([1.0, 2.0, 3.0])]
        [-0.484, 4.484]
    """
    half = t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * stdev(differences) / sqrt(len(differences))
    return fmean(differences) - half, fmean(differences) + half


def _line(name: str, rows: list[Row], reference: list[Row]) -> tuple[str, ...]:
    scores = (f"{fmean(row[key] for row in rows):.3f}" for key in SCORE_NAMES)
    leads = ("" if rows is reference else _lead(key, rows, reference) for key in COMPARED)
    return (name, *scores, str(sum(row["switches"] for row in rows)), *leads)


def _lead(key: str, rows: list[Row], reference: list[Row]) -> str:
    theirs = {row["sequence"]: row[key] for row in rows}
    differences = [row[key] - theirs[row["sequence"]] for row in reference]
    low, high = interval(differences)
    return f"{fmean(differences):+.3f} [{low:+.3f}, {high:+.3f}]"
