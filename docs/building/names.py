"""The public names, the entries that they have in the reference, and the texts of constants.

A public name has two addresses: that of its entry, as `hnetzoo.decode`, and that of the module that defines it. Types
in signatures carry the second.
"""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sphinx.errors import PycodeError
from sphinx.pycode import ModuleAnalyzer

FACES = (
    "hnetzoo",
    "hnetzoo.losses",
    "hnetzoo.tracking_metrics",
    "hnetzoo.boxes",
    "hnetzoo.export",
    "hnetzoo.testing",
    "hnetzoo.errors",
)
"""The modules that are public; those with an `__all__` say what is public in them."""
_DIRECTIVE = re.compile(r"^\.\. (module|currentmodule|auto\w+):: (\S+)$", re.MULTILINE)


def public_names() -> dict[str, Any]:
    """Return every public name with what it stands for, as "hnetzoo.decode".

    Example:
        >>> "hnetzoo.losses.TrackingLoss" in public_names(), "hnetzoo.losses" in public_names()
        (True, False)
    """
    found = {f"{face}.{name}": getattr(import_module(face), name) for face in FACES for name in _listed(face)}
    return {name: thing for name, thing in found.items() if not inspect.ismodule(thing)}


def _listed(face: str) -> list[str]:
    module = import_module(face)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    errors = {name for name, thing in vars(module).items() if inspect.isclass(thing) and issubclass(thing, Warning)}
    return sorted(errors)


def entries(folder: Path) -> Iterator[str]:
    """Yield the names that the pages of a folder have entries for, in their order."""
    for page in sorted(folder.glob("*.md")):
        module = ""
        for directive, name in _DIRECTIVE.findall(page.read_text()):
            if directive.endswith("module"):
                module = name
            else:
                yield f"{module}.{name}"


@cache
def _by_definition() -> dict[str, str]:
    """Return the public names by where they are defined; the first face that has a name keeps it."""
    found: dict[str, str] = {}
    for name, thing in public_names().items():
        if inspect.isclass(thing) or inspect.isfunction(thing):
            found.setdefault(f"{thing.__module__}.{thing.__qualname__}", name)
    return found


def public_name(path: str) -> str | None:
    """Return the public name of what a module defines, or of its part; None if it has none.

    Example:
        >>> public_name("hnetzoo.association.batch.AssociationBatch.select")
        'hnetzoo.AssociationBatch.select'
    """
    owner, dot, part = path, "", ""
    while owner:
        if owner in _by_definition():
            return f"{_by_definition()[owner]}{dot}{part}"
        owner, dot, last = owner.rpartition(".")
        part = f"{last}.{part}" if part else last
    return None


def constant_text(path: str) -> list[str]:
    """Return the lines below the definition of a public constant or type; none where there are none.

    Example:
        >>> constant_text("hnetzoo.CERTAIN")
        ['Logit of a hard decision: its probability is within 2e-9 of 0 or 1.']
    """
    face, _, name = path.rpartition(".")
    for module in _modules(import_module(face), name):
        try:
            comments = ModuleAnalyzer.for_module(module).find_attr_docs()
        except PycodeError:
            continue
        if ("", name) in comments:
            return [line for line in comments["", name] if line]
    return []


def _modules(face: Any, name: str) -> Iterator[str]:
    """Yield the modules that may define a constant: the one that a lazy name is taken from, or any that is imported."""
    if name in getattr(face, "_MODULE_OF", {}):
        yield f"hnetzoo.{face._MODULE_OF[name]}"
    yield face.__name__
    tree = ModuleAnalyzer.for_module(face.__name__).code
    yield from re.findall(r"^from (hnetzoo\S+) import", tree, re.MULTILINE)
