"""Tables as CSV in long form."""

import csv

from hnetzoo.report.long_form import render_csv
from hnetzoo.report.tables import Table


def test_every_cell_but_the_first_of_its_row_is_a_line() -> None:
    rows = (("a, b", "1", 'say "2"'), ("c", "3", ""))
    text = render_csv([Table(title="t", caption="left out", columns=("model", "F1", "exact"), rows=rows)])
    assert list(csv.reader(text.splitlines())) == [
        ["table", "row", "column", "value"],
        ["t", "a, b", "F1", "1"],
        ["t", "a, b", "exact", 'say "2"'],
        ["t", "c", "F1", "3"],
        ["t", "c", "exact", ""],
    ]
