"""Tables of text as rows of cells that can be sorted, with the best of each column marked."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hnetzoo.report.tables import BEYOND, Table

LESS_IS_BETTER = frozenset({"cost gap", "proven gap", "us/problem"})
NOT_RANKED = frozenset({"parameters"})
_NUMBER = re.compile(r"[+-]?[\d,]*\.?\d+(e[+-]?\d+)?(?=$|%|†| )")


@dataclass(frozen=True)
class Cell:
    """A cell: its text, the number that it starts with, whether no other of the column is better, and its width."""

    text: str
    value: float | None = None
    best: bool = False
    span: int = 1

    @property
    def mean(self) -> str:
        """The text before the standard deviation, with the mark of what is outside its scope."""
        mean, _, rest = self.text.partition(" ± ")
        return mean + BEYOND if rest.endswith(BEYOND) else mean

    @property
    def spread(self) -> str:
        """The standard deviation; "" where there is none."""
        return self.text.partition(" ± ")[2].removesuffix(BEYOND)


@dataclass(frozen=True)
class Row:
    """A model and its cells."""

    model: str
    baseline: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table for a page; `descending` says for each column whether it is first sorted from large to small."""

    title: str
    caption: str
    columns: tuple[str, ...]
    descending: tuple[bool, ...]
    rows: tuple[Row, ...]


def grid(table: Table, baseline: str, metric: str = "") -> Grid:
    """Return a table whose columns are metrics; with a `metric`, all of them are of this one."""
    metrics = [metric or column for column in table.columns[1:]]
    columns = [[cells[place + 1] for cells in table.rows] for place in range(len(metrics))]
    best = [_best(name, texts) for name, texts in zip(metrics, columns, strict=True)]
    named = (baseline, f"{baseline}{BEYOND}")
    return Grid(
        title=table.title,
        caption=table.caption,
        columns=table.columns[1:],
        descending=tuple(name not in LESS_IS_BETTER | NOT_RANKED for name in metrics),
        rows=tuple(Row(cells[0], cells[0] in named, _cells(cells, best)) for cells in table.rows),
    )


def leading_number(text: str) -> float | None:
    """Return the number that a cell starts with, None where it starts with none.

    Example:
        >>> leading_number("+0.5 ± 0.1"), leading_number("100,098"), leading_number("n/a (fixed 2 x 2)")
        (0.5, 100098.0, None)
    """
    found = _NUMBER.match(text)
    return float(found[0].replace(",", "")) if found else None


def _best(metric: str, texts: Iterable[str]) -> float | None:
    """Return the best number of a column; None where nothing stands out, since most of the column has it."""
    values = [value for value in map(leading_number, texts) if value is not None]
    if not values or metric in NOT_RANKED:
        return None
    best = (min if metric in LESS_IS_BETTER else max)(values)
    return best if 2 * values.count(best) <= len(values) else None


def _cells(texts: Sequence[str], best: Sequence[float | None]) -> tuple[Cell, ...]:
    """Return the cells of a row; a text before empty cells takes their places."""
    if len(texts) > 2 and not any(texts[2:]):
        return (Cell(texts[1], span=len(texts) - 1),)
    values = [leading_number(text) for text in texts[1:]]
    return tuple(
        Cell(text, value, best=value is not None and value == top)
        for text, value, top in zip(texts[1:], values, best, strict=True)
    )
