"""Fit a table into a width [characters]: which columns stay, which continue below, and how wide each is.

No number is cut or wrapped: a column is at least as wide as its longest word and its short lines, and the first one as
all of its lines.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from hnetzoo.report.tables import Table

GAP = 2  # between two columns
SHORT = 20  # a line in a cell that is not wrapped; a mean with its deviation is shorter


class Part(NamedTuple):
    """Columns beside each other, as indices into those of the table, and their widths."""

    columns: tuple[int, ...]
    widths: tuple[int, ...]


def fit(table: Table, width: int) -> tuple[list[Part], list[str]]:
    """Return the parts of a table to show below each other, and the names of the columns that are left out.

    Columns leave in the order of `Table.leaving` until the others fit. What still does not fit continues in further
    parts, each with the first column. A part of two columns may be wider than `width`.

    Example:
        >>> table = Table(title="", caption="", columns=("model", "F1", "s"), rows=(("greedy", "0.5", "1"),))
        >>> fit(table, 14)
        ([Part(columns=(0, 1, 2), widths=(6, 3, 1))], [])
        >>> fit(table, 12)
        ([Part(columns=(0, 1), widths=(6, 3)), Part(columns=(0, 2), widths=(6, 1))], [])
    """
    columns = [[row[index] for row in table.rows] for index in range(len(table.columns))]
    most = [_longest("\n".join((name, *cells)).split("\n")) for name, cells in zip(table.columns, columns, strict=True)]
    least = [_least(name, cells) for name, cells in zip(table.columns, columns, strict=True)]
    least[0] = most[0]
    kept, left_out = list(range(len(table.columns))), []
    for name in table.leaving:
        if _total(kept, least) > width:
            kept.remove(table.columns.index(name))
            left_out.append(name)
    parts = [kept[:1]]
    for index in kept[1:]:
        if len(parts[-1]) > 1 and _total([*parts[-1], index], least) > width:
            parts.append(kept[:1])
        parts[-1].append(index)
    return [Part(tuple(part), _shared(part, least, most, width)) for part in parts], left_out


def _least(name: str, cells: Sequence[str]) -> int:
    """Return the least width of a column in which no word and no short line of a cell is broken."""
    lines = [line for cell in cells for line in cell.split("\n")]
    words = [word for text in (name, *lines) for word in text.split()]
    return _longest([*words, *(line for line in lines if cell_len(line) <= SHORT)])


def _longest(texts: Sequence[str]) -> int:
    return max(map(cell_len, texts), default=0)


def total_width(widths: Collection[int]) -> int:
    """Return the width of columns beside each other."""
    return sum(widths) + GAP * (len(widths) - 1)


def _total(columns: Sequence[int], widths: Sequence[int]) -> int:
    return total_width([widths[index] for index in columns])


def _shared(columns: Sequence[int], least: Sequence[int], most: Sequence[int], width: int) -> tuple[int, ...]:
    """Return the width of each column: what is left is shared equally by those that can use it."""
    widths = {index: least[index] for index in columns}
    spare = max(0, width - _total(columns, least))
    growing = sorted(columns, key=lambda index: most[index] - least[index])
    for place, index in enumerate(growing):
        added = min(most[index] - least[index], spare // (len(growing) - place))
        widths[index] += added
        spare -= added
    return tuple(widths.values())
