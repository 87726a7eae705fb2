"""The gallery: every script of docs/gallery draws a figure, and its page shows figure and script.

A script's docstring is its title and what the figure shows, `ALT` describes the figure to those who do not see it, and
`draw()` returns it. The figure is written twice, with dark and with light text, on a transparent ground.
"""

import ast
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib

matplotlib.use("svg")

from cycler import cycler
from matplotlib import pyplot

FOLDER = Path(__file__).parent.parent / "gallery"
SCRIPTS = ("problem", "temperatures", "gradients", "crossing", "switches", "learning", "accuracy")
INK, LIGHT_INK = "#24292f", "#d1d5db"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # at least 3:1 against white and against black
STYLE: Mapping[Any, Any] = {
    "svg.hashsalt": "hnetzoo",
    "font.size": 9,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.transparent": True,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def sections() -> str:
    """Draw all figures, and return a section for each."""
    return "\n\n".join(map(_section, SCRIPTS))


def script(path: Path) -> ModuleType:
    """Return a script of the gallery, imported from its file."""
    spec = importlib.util.spec_from_file_location(f"gallery_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path: Path) -> None:
    """Draw a script's figure beside it, as NAME-light.svg and NAME-dark.svg; the same script gives the same bytes."""
    with matplotlib.rc_context(dict(STYLE)):
        figure = script(path).draw()
        light = path.with_name(f"{path.stem}-light.svg")
        figure.savefig(light, metadata={"Date": None})
        pyplot.close(figure)
    path.with_name(f"{path.stem}-dark.svg").write_text(light.read_text().replace(INK, LIGHT_INK))


def _section(name: str) -> str:
    """Return the section of a script, whose figure is drawn."""
    path = FOLDER / f"{name}.py"
    write(path)
    tree = ast.parse(path.read_text())
    title, _, text = (ast.get_docstring(tree) or "").partition("\n\n")
    alt = " ".join(script(path).ALT.split())
    images = [
        f"```{{image}} gallery/{name}-{theme}.svg\n:alt: {alt}\n:class: only-{theme}\n```"
        for theme in ("light", "dark")
    ]
    code = f"```{{literalinclude}} gallery/{name}.py\n:language: python\n:lines: {_shown(tree)}\n```"
    return "\n\n".join([f"## {title.rstrip('.')}", text, *images, code])


def _shown(tree: ast.Module) -> str:
    """Return the lines of a script that its page shows, without the docstring and the description of the figure."""
    _, first, *_ = tree.body
    alt = next(node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ALT")
    return f"{first.lineno}-{alt.lineno - 2},{(alt.end_lineno or alt.lineno) + 1}-"
