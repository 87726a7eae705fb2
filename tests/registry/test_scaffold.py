"""`hnetzoo new` writes packages that are complete and accepts only names that work."""

import ast
import importlib
import tomllib
from datetime import date
from pathlib import Path

import pytest

from hnetzoo import ConfigError, testing
from hnetzoo.registry.scaffold import render_package, write_package
from hnetzoo.registry.specs import API_VERSION

KINDS = {"model": "model.py", "dataset": "dataset.py", "trainer": "trainer.py"}


ALL = tuple(KINDS)


@pytest.mark.parametrize("kinds", [*((kind,) for kind in KINDS), ("trainer", "model"), ALL], ids="-".join)
def test_every_kind_gets_a_complete_package_whose_files_parse(kinds: tuple[str, ...]) -> None:
    contents = render_package("acme-net-2", *kinds)
    package = {f"acme_net_2/{name}" for name in ("__init__.py", "plugin.py", "config.py", *map(KINDS.get, kinds))}
    if "model" in kinds:
        package.add("acme_net_2/weights/README.md")
    rest = {"pyproject.toml", "README.md", ".gitignore", ".github/workflows/test.yml", "tests/test_conformance.py"}
    assert contents.keys() == package | rest | {"LICENSE"}
    for path, text in contents.items():
        assert "$" not in text.replace("${{", ""), path
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        if path.endswith(".py"):
            assert ast.get_docstring(ast.parse(text)), path
            assert max(map(len, text.splitlines())) <= 120, path
    for kind in kinds:
        name = f"AcmeNet2{kind.capitalize() if len(kinds) > 1 else ''}"
        assert f"class {name}" in contents[f"acme_net_2/{KINDS[kind]}"]
        assert f"class {name}Config" in contents["acme_net_2/config.py"]
        assert f"def hnetzoo_{kind}s()" in contents["acme_net_2/plugin.py"]
        assert f"*hnetzoo_{kind}s()" in contents["tests/test_conformance.py"]
    assert f"api_version={API_VERSION}" in contents["acme_net_2/plugin.py"]


def test_a_model_is_trained_by_what_its_package_declares() -> None:
    alone, together = (render_package("acme-net", *kinds)["acme_net/plugin.py"] for kinds in (("model",), ALL))
    assert 'trainer="hnet",\n            dataset="doa"' in alone
    assert 'trainer="acme-net",\n            dataset="acme-net"' in together
    for text in (alone, together):
        assert 'pretrained=hnetzoo.pretrained_in("acme_net", "acme-net")' in text


def test_a_package_states_its_licence_and_holds_its_text() -> None:
    contents = render_package("acme-net", "dataset")
    project = tomllib.loads(contents["pyproject.toml"])["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert f"Copyright {date.today().year} the acme-net authors" in contents["LICENSE"]
    assert "Apache License\n" in contents["LICENSE"]
    assert "Publish weights" not in contents["README.md"]
    assert "hnetzoo publish runs/best --package .\n" in render_package("acme-net", "model")["README.md"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_project_names_its_entry_point_backend_and_requirements(kind: str) -> None:
    project = tomllib.loads(render_package("acme-net", kind)["pyproject.toml"])
    assert project["project"]["entry-points"]["hnetzoo"] == {"acme-net": "acme_net.plugin"}
    assert project["build-system"]["build-backend"] == "hatchling.build"
    assert project["project"]["dependencies"][0].startswith("hnetzoo>=")


@pytest.mark.parametrize(
    "name", ["Acme", "acme_net", "acme-", "-acme", "acme--net", "2acme", "", "acme net", "../acme"]
)
def test_names_that_are_no_distribution_module_and_registered_name_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is not accepted; use words of a-z and 0-9 joined by hyphens"):
        render_package(name, "model")


@pytest.mark.parametrize("name", ["class", "async"])
def test_keywords_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not accepted"):
        render_package(name, "model")


@pytest.mark.parametrize("name", ["json", "torch", "hnetzoo"])
def test_names_of_installed_modules_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"a module '{name}' is installed already"):
        render_package(name, "dataset")


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "acme-net"
    write_package(folder, {"a/b.txt": "1\n"})
    assert (folder / "a" / "b.txt").read_text() == "1\n"
    with pytest.raises(ConfigError, match="exists already; choose another name"):
        write_package(folder, {"a/b.txt": "2\n"})
    assert (folder / "a" / "b.txt").read_text() == "1\n"
    empty = tmp_path / "empty"
    empty.mkdir()
    write_package(empty, {"c.txt": "3\n"})
    assert (empty / "c.txt").exists()


@pytest.mark.parametrize("kinds", [("model",), ("dataset", "trainer")], ids="-".join)
def test_what_a_new_package_declares_passes_every_check(
    kinds: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"acme-{'-'.join(kinds)}"
    write_package(tmp_path / "new", render_package(name, *kinds))
    monkeypatch.syspath_prepend(str(tmp_path / "new"))
    plugin = importlib.import_module(f"{name.replace('-', '_')}.plugin")
    for kind in kinds:
        (spec,) = getattr(plugin, f"hnetzoo_{kind}s")()
        assert testing.check(spec).failures == ()
