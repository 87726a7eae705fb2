"""The extension of Sphinx: writes the generated pages, explains constants, resolves names, and checks the result."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from benchmarks.render import rendered
from docs.building import commands, gallery, papers, zoo
from docs.building.links import within_site
from docs.building.names import constant_text, public_name
from docs.building.offline import foreign_requests

PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands.sections,
    "gallery": gallery.sections,
    "papers": papers.tables,
    "zoo": zoo.overview,
}
"""What stands in a page in place of `<!-- generated NAME -->`."""
_GENERATED = re.compile(r"<!-- generated (\w+) -->")
_ARRAY = re.compile(r"~?numpy\.ndarray\[~?(?:builtins\.)?tuple\[~?typing\.Any, \.\.\.\], ~?numpy\.dtype\[(\S+?)\]\]")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register everything; Sphinx calls it."""
    app.connect("builder-inited", write_pages)
    app.connect("env-get-outdated", read_again)
    app.connect("source-read", prepare)
    app.connect("autodoc-process-docstring", explain_constant)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("missing-reference", resolve)
    app.connect("build-finished", refuse_foreign_requests)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_pages(app: Sphinx) -> None:
    """Write the pages of the zoo, which have no file of their own in the repository, and delete what has left it."""
    folder = Path(app.srcdir) / "zoo"
    folder.mkdir(exist_ok=True)
    pages = {folder / f"{name}.md": text for name, text in zoo.pages().items()}
    for path in set(folder.glob("*.md")) - pages.keys():
        path.unlink()
    for path, text in pages.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def read_again(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Return the pages that may be other ones though their files have not changed."""
    return [name for name in env.found_docs if name in PARTS or name.startswith("leaderboard")]


def prepare(app: Sphinx, name: str, source: list[str]) -> None:
    """Fill in what is generated, render tables anew as `make tables` does, and keep links within the site."""
    text = _GENERATED.sub(lambda found: PARTS[found[1]](), source[0])
    source[0] = within_site(rendered(text), name)


def explain_constant(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Give public constants and types the text below their definition; that of their class says little."""
    if what == "data":
        lines[:] = constant_text(name)


def shorten(
    app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str | None, returned: str | None
) -> tuple[str | None, str | None]:
    """Write types of arrays as they stand in the source."""
    return _short(signature), _short(returned)


def _short(text: str | None) -> str | None:
    return text and _ARRAY.sub(r"~numpy.typing.NDArray[\1]", text)


def leave_out(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what pydantic adds to every class of settings."""
    return True if name == "model_config" else None


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, text: Element) -> Element | None:
    """Link names to the reference by where they are defined; names of other packages stay text.

    What is named in a docstring's backticks may be a setting, a file or a parameter, and stays text too. Names of
    hnetzoo in signatures must have an entry.
    """
    target = str(node["reftarget"])
    found = public_name(target)
    if found is not None:
        return env.domains["py"].resolve_xref(env, node["refdoc"], app.builder, "obj", found, node, text)
    return None if target.startswith("hnetzoo.") and node["reftype"] != "obj" else text


def refuse_foreign_requests(app: Sphinx, error: Exception | None) -> None:
    """Fail if a built page would load anything from another host."""
    found = [] if error else list(foreign_requests(Path(app.outdir)))
    if found:
        raise ExtensionError(f"pages ask other hosts: {'; '.join(found)}")
