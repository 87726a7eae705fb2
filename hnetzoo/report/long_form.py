"""Render tables as one CSV table in long form: a line for each cell."""

import csv
from collections.abc import Iterable
from io import StringIO

from hnetzoo.report.tables import Table

COLUMNS = ("table", "row", "column", "value")


def render_csv(tables: Iterable[Table]) -> str:
    r"""Return a line for each cell: title of its table, first cell of its row, name of its column, and its text.

    Example:
        >>> render_csv([Table(title="doa", caption="", columns=("model", "F1"), rows=(("a", "1"),))])
        'table,row,column,value\r\ndoa,a,F1,1\r\n'
    """
    file = StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for table in tables:
        for first, *others in table.rows:
            writer.writerows(
                (table.title, first, name, text) for name, text in zip(table.columns[1:], others, strict=True)
            )
    return file.getvalue()
