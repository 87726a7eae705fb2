"""Pages of the site: what they say is run, and what is generated leaves nothing out."""

import json
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer

pytest.importorskip("sphinx", reason="sphinx is not installed")

from markdown_it import MarkdownIt
from markdown_it.token import Token

from docs.building import commands, gallery, papers, zoo
from docs.building.offline import foreign_requests
from hnetzoo.cli.app import app
from hnetzoo.registry.descriptions import describe
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.specs import Spec
from tests.source import ROOT

DOCS = ROOT / "docs"
PAGES = [DOCS / "index.md", DOCS / "weights.md", DOCS / "leaderboard.md", *sorted((DOCS / "leaderboard").glob("*.md"))]
BENCHMARKS = ROOT / "benchmarks" / "README.md"
SPECS = [spec for kind in zoo.KINDS for spec in zoo.shipped(discover(), kind)]
DOCUMENTS = ("README.md", "SECURITY.md", "docs/parallel.md", "docs/scale.md")


def tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text())


def fences(path: Path, language: str) -> Iterator[str]:
    """Yield the blocks of code of a language."""
    yield from (token.content for token in tokens(path) if token.type == "fence" and token.info.strip() == language)


@pytest.mark.parametrize("path", [path for path in PAGES if any(fences(path, "python"))], ids=lambda path: path.stem)
def test_blocks_of_python_run(path: Path) -> None:
    names: dict[str, Any] = {}
    for code in fences(path, "python"):
        exec(compile(code, str(path), "exec"), names)


def lines_of_console() -> Iterator[tuple[str, str]]:
    for path in [*PAGES, BENCHMARKS]:
        for block in fences(path, "console"):
            yield from ((path.stem, line.partition("  #")[0]) for line in block.splitlines())


@pytest.mark.parametrize(("page", "line"), list(lines_of_console()))
def test_commands_exist_with_their_options_and_files(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that train or benchmark take hours; what they are given is checked as they would check it."""
    monkeypatch.chdir(ROOT)
    program, *arguments = shlex.split(line)
    if program == "hnetzoo":
        group: Any = typer.main.get_command(app)
        name, *rest = arguments
        group.commands[name].make_context(name, rest)
    elif program == "make":
        assert f"\n{arguments[0]}:" in (ROOT / "Makefile").read_text()
    elif program == "python":
        module = arguments[1] if arguments[0] == "-m" else ""
        assert find_spec(module) if module else (ROOT / arguments[0]).is_file()
    else:
        assert program in {"pip", "cp"}


def test_every_stored_result_is_on_a_page() -> None:
    text = "".join(path.read_text() for path in (*PAGES, *(ROOT / name for name in DOCUMENTS)))
    shown = set(re.findall(r"<!-- table (\S+\.json)", text))
    assert {path.name for path in (ROOT / "benchmarks" / "results").glob("*.json")} == shown


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}-{spec.name}")
def test_a_page_of_the_zoo_says_what_show_says(spec: Spec) -> None:
    registry = discover()
    page, known = zoo.page(spec, registry), describe(spec, registry)
    assert known["summary"] in page
    for entry in known["settings"]:
        assert f"| `{entry['key']}` |" in page
    for entry in known.get("pretrained", ()):
        assert (entry["retired"] or entry["scope"]) in page
    for code in re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE):
        exec(code, {})


def test_the_page_of_commands_has_every_option() -> None:
    page = commands.sections()
    for command, options in json.loads((ROOT / "tests" / "golden" / "commands.json").read_text()).items():
        section = page.partition(f"## `hnetzoo {command}`")[2].partition("\n## ")[0]
        assert not command or section
        for option in options if command else ():
            assert not option.startswith("-") or option.split()[0] in section


def test_the_page_of_papers_has_every_citation() -> None:
    page = papers.tables()
    cited = [spec.citation for spec in SPECS if spec.citation is not None]
    assert len(cited) > 10
    for citation in cited:
        assert citation.title in page


@pytest.mark.parametrize("name", gallery.SCRIPTS)
def test_a_figure_is_drawn_and_described(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib import pyplot

    script = gallery.script(DOCS / "gallery" / f"{name}.py")
    monkeypatch.setattr(script, "STEPS", 20, raising=False)
    figure = script.draw()
    assert figure.axes
    assert len(script.ALT) > 80
    pyplot.close(figure)


def test_every_script_of_the_gallery_is_on_its_page() -> None:
    assert {path.stem for path in (DOCS / "gallery").glob("*.py")} == set(gallery.SCRIPTS)


def test_what_a_page_would_load_from_another_host_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<link rel="stylesheet" href="https://fonts.example/a.css"><script src="//cdn.example/b.js"></script>'
        '<img src="own.png"><a href="https://example.org">a link</a>'
        "<style>p { background: url(http://x.example) }</style>"
    )
    (tmp_path / "a.css").write_text('@import "https://fonts.example/c.css"; p { background: url(own.svg) }')
    assert list(foreign_requests(tmp_path)) == [
        "a.css: https://fonts.example/c.css",
        "a.html: https://fonts.example/a.css",
        "a.html: //cdn.example/b.js",
        "a.html: http://x.example",
    ]
