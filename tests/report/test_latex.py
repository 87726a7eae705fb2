"""Tables as LaTeX."""

import re

import pytest

from hnetzoo.report.latex import render_latex
from hnetzoo.report.tables import Table


def table(*cells: str, caption: str = "") -> Table:
    return Table(title="doa", caption=caption, columns=("model", *("F1" for _ in cells[1:])), rows=(cells,))


def test_a_table_has_the_rules_of_booktabs_and_a_line_for_each_row() -> None:
    lines = render_latex([Table(title="doa", caption="Two.", columns=("model", "F1"), rows=(("a", "1"), ("b", "2")))])
    assert lines.splitlines()[1:] == [
        r"\begin{table}",
        r"\centering",
        r"\caption{doa. Two.}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"model & F1 \\",
        r"\midrule",
        r"a & 1 \\",
        r"b & 2 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_b & 50% #1 $x {y}", r"a\_b \& 50\% \#1 \$x \{y\}"),
        (r"C:\x~^", r"C:\textbackslash{}x\textasciitilde{}\textasciicircum{}"),
        ("0.5 ± 0.1†", r"0.5 $\pm$ 0.1$\dagger$"),
        ("-0.5 [-1, +2]", "$-$0.5 [$-$1, +2]"),
        ("doa-2 2026-11-28", "doa-2 2026-11-28"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_is_printed_as_it_stands(text: str, expected: str) -> None:
    assert rf"{expected} & 1 \\" in render_latex([table(text, "1")]).splitlines()
    assert expected in render_latex([table("a", "1", caption=text)])


def test_notes_follow_as_paragraphs() -> None:
    assert re.search(
        r"\\end\{table\}\n\na\\_b is better\.\n\nc is not\.\n$",
        render_latex([table("a")], ["a_b is better", "c is not"]),
    )
