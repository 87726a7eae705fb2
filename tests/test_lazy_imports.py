"""Commands that must work without the numerical libraries, run in processes that cannot import them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hnetzoo.registry.discovery import PLUGINS_VARIABLE

FORBIDDEN = ("torch", "numpy", "scipy", "sklearn")
BAN = f"""
import sys

class Ban:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {FORBIDDEN!r}:
            raise ImportError(name + " is forbidden here")

sys.meta_path.insert(0, Ban())
"""
COMMAND = """
sys.argv = ["hnetzoo", *sys.argv[1:]]
from hnetzoo.cli import main
main()
"""


def run(code: str, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Return the result of code in a new interpreter that cannot import the numerical libraries."""
    environment = {name: value for name, value in os.environ.items() if name != PLUGINS_VARIABLE}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", BAN + code, *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("module", FORBIDDEN)
def test_the_ban_itself_works(module: str) -> None:
    assert f"ImportError: {module} is forbidden here" in run(f"import {module}").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("-h",),
        ("--version",),
        ("list",),
        ("list", "models"),
        ("list", "--json"),
        ("show", "hnetgru"),
        ("show", "hnetgru", "--json"),
        ("show", "doa-reference"),
        ("train", "--help"),
        ("benchmark", "--help"),
        ("compare", "--help"),
        ("export", "--help"),
    ],
    ids=" ".join,
)
def test_command_works_without_the_numerical_stack(arguments: tuple[str, ...]) -> None:
    done = run(COMMAND, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    if "--json" in arguments:
        assert json.loads(done.stdout)


def test_no_plugin_declares_with_the_numerical_stack() -> None:
    done = run(COMMAND, "list", "--json")
    document = json.loads(done.stdout)
    assert document["failures"] == []
    assert {"hnetgru", "hungarian", "doa-reference", "npz", "hnet"} <= {entry["name"] for entry in document["entries"]}


def test_fifty_more_plugins_leave_list_light(fake_distribution: Callable[..., Path]) -> None:
    for number in range(50):
        spec = f"name='acme-{number}', summary='', target='acme_model:Acme', config='hnetzoo:Config'"
        hook = f"@hnetzoo.hookimpl\ndef hnetzoo_models():\n    return [hnetzoo.ModelSpec({spec})]\n"
        path = fake_distribution(f"acme-{number}", f"import hnetzoo\n{hook}").parent
    (path / "acme_model.py").write_text("import torch\nclass Acme(torch.nn.Module): pass\n")
    done = run(COMMAND, "list", "models", "--json", path=path)
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(entry["name"].startswith("acme-") for entry in json.loads(done.stdout)["entries"]) == 50


def test_importing_the_package_needs_no_numerical_stack() -> None:
    done = run("import hnetzoo; print(len(hnetzoo.discover().models), hnetzoo.__version__, len(dir(hnetzoo)))")
    assert (done.returncode, done.stderr) == (0, "")


def test_heavy_names_are_resolved_on_first_use() -> None:
    done = run("import hnetzoo; hnetzoo.assign")
    assert done.returncode == 1
    assert "is forbidden here" in done.stderr


@pytest.mark.parametrize("code", ["import absent_dependency", "raise SystemExit(9)", "print('noise'); 1 / 0"])
def test_a_broken_plugin_does_not_stop_list(code: str, fake_distribution: Callable[..., Path]) -> None:
    path = fake_distribution("broken-net", code).parent
    done = run(COMMAND, "list", path=path)
    warnings = [line for line in done.stderr.splitlines() if line != "noise"]
    assert done.returncode == 0
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: plugin broken-net:plugin did not load (")
    assert warnings[0].endswith("); see 'hnetzoo doctor'")
    assert "hnetgru" in done.stdout
    assert "noise" not in done.stdout


def test_a_broken_plugin_is_in_the_json_document(fake_distribution: Callable[..., Path]) -> None:
    path = fake_distribution("broken-net", "print('noise')\nimport absent_dependency").parent
    done = run(COMMAND, "list", "--json", path=path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["failures"] == [
        {"plugin": "broken-net:plugin", "error": "ModuleNotFoundError: No module named 'absent_dependency'"}
    ]


def test_naming_a_broken_plugin_ends_with_exit_code_3(fake_distribution: Callable[..., Path]) -> None:
    path = fake_distribution("broken-net", "import absent_dependency").parent
    done = run(COMMAND, "show", "broken-net", path=path)
    assert done.returncode == 3
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("hnetzoo: error: model 'broken-net': plugin broken-net:plugin did not load (")


def test_settings_that_print_on_import_do_not_change_the_json_document(fake_distribution: Callable[..., Path]) -> None:
    code = """
import hnetzoo
@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="loud", summary="", target="loud_settings:Loud", config="loud_settings:Settings")]
"""
    path = fake_distribution("loud-net", code).parent
    (path / "loud_settings.py").write_text("import hnetzoo\nprint('noise')\nclass Settings(hnetzoo.Config): pass\n")
    done = run(COMMAND, "show", "loud", "--json", path=path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["name"] == "loud"
