"""The page of the papers: from the citations of models, datasets and trainers, and from docstrings."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import asdict

from docs.building.markdown import cited, table
from docs.building.names import public_names
from docs.building.zoo import KINDS, shipped, titled
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import Citation, Spec

_SOURCE = re.compile(r"^Source: (.+?)(?:\n\n|\Z)", re.DOTALL | re.MULTILINE)


def tables() -> str:
    """Return a table of citations, and one of the sources of functions and classes."""
    citations = [(cited(asdict(paper)), ", ".join(names)) for paper, names in _citations().items()]
    sources = [(f"{{py:obj}}`~{name}`", text) for name, text in _sources()]
    parts = (
        "## Models, datasets and trainers",
        table(("paper", "in the zoo"), citations),
        "## Losses, metrics and solvers",
        table(("name", "source"), sources),
    )
    return "\n\n".join(parts)


def _citations() -> dict[Citation, list[str]]:
    """Return the papers by year, with links to what they stand behind."""
    registry = discover()
    found: dict[Citation, list[str]] = {}
    for kind in KINDS:
        for spec in shipped(registry, kind):
            if spec.citation is not None:
                found.setdefault(spec.citation, []).append(_link(spec))
    return dict(sorted(found.items(), key=lambda item: (item[0].year, item[0].authors)))


def _link(spec: Spec) -> str:
    return f"[{titled(spec)}](zoo/{spec.kind}-{spec.name}.md)"


def _sources() -> Iterator[tuple[str, str]]:
    """Yield public names whose docstring states a source, with that."""
    for name, thing in public_names().items():
        stated = _SOURCE.search(inspect.getdoc(thing) or "") if callable(thing) else None
        if stated:
            yield name, " ".join(stated[1].split())
