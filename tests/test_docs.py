"""Examples in the documentation are executed."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.registry.components import configure

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PLUGINS = (ROOT / "plugins" / "README.md").read_text()
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(text: str, language: str) -> list[tuple[str, str]]:
    """Return (text after the language, code) of all fenced blocks of a language."""
    return [(match[2].strip(), match[3]) for match in _BLOCK.finditer(text) if match[1] == language]


README_OUTPUTS = (r"0\.99\d of the problems are matched exactly\n", r"MOTA (0\.9\d|1\.00)\n$")


@pytest.mark.parametrize("example", range(len(README_OUTPUTS)))
def test_readme_example_runs_as_printed(example: int, tmp_path: Path) -> None:
    _, code = blocks(README, "python")[example]
    ended = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert re.match(README_OUTPUTS[example], ended.stdout)
    assert len([line for line in code.splitlines() if line.strip()]) <= 20


def test_every_readme_example_is_run() -> None:
    assert len(blocks(README, "python")) == len(README_OUTPUTS)


def test_tutorial_works_as_printed(tmp_path: Path) -> None:
    """Blocks of plugins/README.md work in order: files are written, or extended if named again; commands are run."""
    project, site = tmp_path / "acme", tmp_path / "site"
    (project / "acme_net").mkdir(parents=True)
    installed = {"PIP_TARGET": str(site), "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    path = os.pathsep.join((str(site), *filter(None, sys.path)))
    environment = {**os.environ, **installed, "PYTHONPATH": path}
    for match in _BLOCK.finditer(PLUGINS):
        language, name, code = match[1], match[2].strip().removeprefix("file="), match[3]
        if language != "console":
            _extend(project / name, code)
            continue
        for line in code.splitlines():
            ended = subprocess.run(
                _command(line), cwd=project, env=environment, capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, line + ended.stdout + ended.stderr
            assert "hnetzoo list" not in line or "acme-net" in ended.stdout
    assert (project / "my-net" / "my_net" / "model.py").exists()
    assert (project / "runs" / "acme" / "result.json").exists()
    assert list((project / "dist").glob("acme_net-*.whl"))


def _extend(path: Path, code: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{path.read_text()}\n\n{code}" if path.exists() else code)


def _command(line: str) -> list[str]:
    program, *arguments = shlex.split(line)
    if program == "python":
        return [sys.executable, *arguments]
    assert program == "hnetzoo"
    return [sys.executable, "-W", "error", "-c", "from hnetzoo.cli import main; main()", *arguments]


def test_first_example_of_the_tutorial_is_short() -> None:
    first = [code for name, code in blocks(PLUGINS, "python") if name.startswith("file=acme_net/")][:3]
    assert sum(bool(line.strip()) for code in first for line in code.splitlines()) <= 25


def test_every_hook_is_documented_with_its_signature() -> None:
    from hnetzoo.registry import hooks as hookspecs

    hooks = [name for name in vars(hookspecs) if name.startswith("hnetzoo_")]
    assert hooks
    for name in hooks:
        assert f"### `{name}()`" in PLUGINS


def test_every_tag_in_use_is_documented() -> None:
    registry = hnetzoo.discover()
    specs = [*registry.models.values(), *registry.datasets.values(), *registry.trainers.values()]
    for tag in {tag for spec in specs for tag in spec.tags}:
        assert f"| `{tag}` |" in PLUGINS


def test_readme_names_every_command() -> None:
    from hnetzoo.cli.app import app

    for command in app.registered_commands:
        assert f"`hnetzoo {command.name or command.callback.__name__}" in README  # type: ignore[union-attr]


def test_every_learned_model_cites_its_source() -> None:
    for spec in hnetzoo.discover().models.values():
        assert spec.citation is not None, spec.name
        assert spec.citation.title
        assert spec.citation.year > 1900


def test_every_setting_has_a_help_text() -> None:
    registry = hnetzoo.discover()
    for spec in [*registry.models.values(), *registry.datasets.values(), *registry.trainers.values()]:
        for name, field in spec.load_config().model_fields.items():
            assert field.description, f"{spec.kind} {spec.name}: {name}"


def test_default_settings_build_every_component_that_needs_no_file() -> None:
    registry = hnetzoo.discover()
    for spec in [*registry.datasets.values(), *registry.trainers.values()]:
        if not any(field.is_required() for field in spec.load_config().model_fields.values()):
            assert configure(spec).build()


def test_every_module_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    modules = [name for name in re.findall(r"`([\w/]+\.py)`", text) if "/" in name]
    assert len(modules) > 20
    for name in modules:
        assert (ROOT / name).exists() or (ROOT / "hnetzoo" / name).exists(), name


def test_docs_name_no_machine() -> None:
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("benchmarks/results/*.json"),
    ]:
        assert not re.search(r"/(home|root|work|opt|tmp)/", path.read_text()), path
