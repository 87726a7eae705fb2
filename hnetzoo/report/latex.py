"""Render tables as LaTeX."""

import re
from collections.abc import Iterable

from hnetzoo.report.tables import Table

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "≈": r"$\approx$",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    '"': r"\textquotedbl{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")


def render_latex(tables: Iterable[Table], notes: Iterable[str] = ()) -> str:
    r"""Return tables and paragraphs of notes, to be included in a document that uses booktabs.

    Example:
        >>> print(render_latex([Table(title="doa", caption="Two.", columns=("model", "F1"), rows=(("a_b", "-1"),))]))
        % Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}.
        \begin{table}
        \centering
        \caption{doa. Two.}
        \begin{tabular}{lr}
        \toprule
        model & F1 \\
        \midrule
        a\_b & $-$1 \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    needs = r"% Needs \usepackage{booktabs} and \usepackage[T1]{fontenc}."
    return "\n".join([needs, *map(_table, tables), *(f"{_escaped(note)}.\n" for note in notes)])


def _table(table: Table) -> str:
    caption = f"{_escaped(table.title)}. {_escaped(table.caption)}".strip()
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}",
            r"\toprule",
            _line(table.columns),
            r"\midrule",
            *map(_line, table.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _line(cells: Iterable[str]) -> str:
    return rf"{' & '.join(map(_escaped, cells))} \\"


def _escaped(text: str) -> str:
    """Return text that LaTeX prints as it stands, with minus signs before numbers."""
    escaped = "".join(_SPECIAL.get(character, character) for character in " ".join(text.split()))
    return _MINUS.sub("$-$", escaped)
