"""docs/authors/extensions.md works as printed: its packages are small, pass the conformance kit, and train."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.outcome import Outcome, Run
from tests.source import ROOT

PAGE = (ROOT / "docs" / "authors" / "extensions.md").read_text()
SECTIONS = [section for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:] if "```python" in section]
MOST_LINES = 40
_BLOCK = re.compile(r"^```(\w+) ?(?:file=)?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def files(text: str) -> dict[str, str]:
    return {name: code for language, name, code in _BLOCK.findall(text) if language == "python"}


def commands(text: str) -> list[str]:
    return [line for language, _, code in _BLOCK.findall(text) if language == "console" for line in code.splitlines()]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install the packages of the page."""
    site = tmp_path / "site"
    monkeypatch.syspath_prepend(str(site))
    packages = set()
    for name, code in files(PAGE).items():
        package = Path(name).parent.name
        packages.add(package)
        for path, content in (
            (name, code),
            (f"{package}/__init__.py", ""),
            (f"{package}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"),
            (f"{package}-1.0.dist-info/entry_points.txt", f"[hnetzoo]\n{package} = {package}.plugin\n"),
        ):
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(content)
    yield
    for module in [module for module in sys.modules if module.partition(".")[0] in packages]:
        del sys.modules[module]


def test_every_example_has_at_most_40_lines() -> None:
    assert len(SECTIONS) == 4
    for section in SECTIONS:
        assert sum(bool(line.strip()) for code in files(section).values() for line in code.splitlines()) <= MOST_LINES


@pytest.mark.usefixtures("installed")
def test_the_page_works_as_printed(run: Run, tmp_path: Path) -> None:
    outcomes: dict[str, Outcome] = {}
    for line in commands(PAGE):
        program, *arguments = shlex.split(line)
        assert program == "hnetzoo"
        outcomes[line] = run(*arguments)
        assert outcomes[line].code == 0, line + outcomes[line].out + outcomes[line].err
    checks = [outcome.out for line, outcome in outcomes.items() if line.startswith("hnetzoo check")]
    assert [re.search(r"(\d+) failed", out)[1] for out in checks] == ["0"] * 4  # type: ignore[index]
    (compared,) = (outcome.out for line, outcome in outcomes.items() if line.startswith("hnetzoo compare"))
    assert re.search(r"^top1, best epoch +- +0\.\d+", compared, re.MULTILINE)
    early = [outcome.out for line, outcome in outcomes.items() if "--out runs/early" in line]
    stopped, resumed = (int(re.findall(r"stopped after epoch (\d+)$", out, re.MULTILINE)[0]) for out in early)
    assert stopped < resumed, "more patience goes on"
    forest = json.loads((tmp_path / "runs" / "forest" / "result.json").read_text())["test"]
    assert forest["delta_f1"] > 0.02
