"""Pieces of Markdown that several generated pages are made of."""

from collections.abc import Iterable, Mapping
from typing import Any


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    r"""Return a table whose cells are Markdown; their line breaks and bars are no longer any.

    Example:
        >>> print(table(("name", "type"), [("x", "int | None")]))
        | name | type |
        | --- | --- |
        | x | int \| None |
    """
    titles = list(columns)
    lines = (titles, ["---"] * len(titles), *rows)
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", r"\|").split())


def toctree(names: Iterable[str]) -> str:
    """Return a table of contents for the side of the page; each is "name" or "title <name>"."""
    return "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])


def cited(citation: Mapping[str, Any]) -> str:
    """Return a citation in one line, with its address as a link.

    Example:
        >>> cited({"authors": "H. W. Kuhn", "title": "The Hungarian Method", "year": 1955, "venue": "", "url": ""})
        'H. W. Kuhn, *The Hungarian Method*, 1955.'
    """
    title = f"*{citation['title']}*"
    linked = f"[{title}]({citation['url']})" if citation["url"] else title
    return ", ".join(filter(None, (citation["authors"], linked, citation["venue"], str(citation["year"])))) + "."
