"""The wheel holds all that users need, and works outside the repository."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def pip(*arguments: object, cwd: Path | None = None) -> None:
    """Run pip offline, without build isolation and dependencies."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def build(project: Path, folder: Path) -> Path:
    """Return a project's wheel, built into an empty folder."""
    pip("wheel", "--wheel-dir", folder, project)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty folder with only the wheel installed."""
    path = tmp_path_factory.mktemp("site")
    pip("install", "--target", path, wheel)
    return path


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a command from outside the repository and returns what it printed."""

    def call(*command: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(site)}
        program = [sys.executable, "-c", "from hnetzoo.cli import main; main()"]
        program = [sys.executable, *command[1:]] if command[0] == "python" else [*program, *command]
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_wheel_holds_core_plugins_weights_and_licence_and_is_small(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "hnetzoo/py.typed",
        "hnetzoo/registry/templates/model/model.py.template",
        "hnetzoo/registry/templates/shared/pyproject.toml.template",
        "hnetzoo/report/templates/benchmark.html",
        "hnetzoo/report/templates/page.js",
        "hnetzoo_hnetgru/weights/default.safetensors",
        "hnetzoo_hnetgru/weights/default.json",
        "hnetzoo_dhn/weights/default.safetensors",
        "hnetzoo_transformer/weights/default.safetensors",
        "hnetzoo_doa/plugin.py",
        "hnetzoo_classical/plugin.py",
        "hnetzoo_files/plugin.py",
        "hnetzoo_lsap/plugin.py",
        "hnetzoo_mixture/plugin.py",
        "hnetzoo_mot/plugin.py",
        "hnetzoo-0.1.0.dist-info/licenses/LICENSE",
    ):
        assert part in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert wheel.stat().st_size < 10e6


def test_installed_wheel_lists_and_loads_the_pretrained_model(run: Callable[..., str]) -> None:
    code = (
        "import hnetzoo, torch; assert 'site' in hnetzoo.__file__, hnetzoo.__file__\n"
        "print(sorted(hnetzoo.discover().models)); print(hnetzoo.load_model('hnetgru')(torch.rand(1, 2, 2)).shape)"
    )
    assert run("python", "-c", code).splitlines() == [
        "['dhn', 'dual-softmax', 'exchangeable', 'forest', 'greedy', 'hnetgru', 'hungarian', 'hungarian-gated', "
        "'motion', 'mutual-nearest', 'perturbed', 'sinkhorn', 'transformer', 'two-stage']",
        "torch.Size([1, 2, 2])",
    ]


def test_a_third_partys_distribution_is_listed_checked_trained_ranked_and_used(
    run: Callable[..., str], site: Path, tmp_path: Path
) -> None:
    source = tmp_path / "sample"
    shutil.copytree(ROOT / "tests" / "sample", source)
    pip("install", "--target", site, build(source, tmp_path / "wheels"))
    entries = {entry["name"]: entry for entry in json.loads(run("list", "--json"))["entries"]}
    for name in ("sample-net", "sample-trainer", "sample-data"):
        assert entries[name]["plugin"] == "sample-net:sample"
        assert json.loads(run("check", name, "--json"))["failed"] == 0
    assert json.loads(run("train", "sample-net", "--epochs", "1", "--out", "r", "--json"))["best_epoch"] == 1
    ranked = run("benchmark", "--model", "hungarian", "--model", "run:r", "--dataset", "sample-data", "--json", "-")
    assert [row["model"] for row in json.loads(ranked)["rows"]] == ["hungarian", "run:r"]
    (tmp_path / "d.csv").write_text("0.1,0.9,0.9\n0.9,0.9,0.1\n")
    assert run("associate", "run:r", "d.csv") == "problem,reference,prediction\n0,0,0\n0,1,2\n"


@pytest.mark.parametrize("kind", ["model", "dataset", "trainer"])
def test_a_new_package_works_as_printed(kind: str, run: Callable[..., str], site: Path, tmp_path: Path) -> None:
    name = f"acme-{kind}"
    printed = run("new", name, "--kind", kind).splitlines()
    commands = [line.strip() for line in printed[printed.index("next:") + 1 :]]
    assert commands[:3] == [
        f"pip install --editable './{name}[test]'",
        f"python -m pytest {name}",
        f"hnetzoo check {name}",
    ]
    pip("install", "--target", site, build(tmp_path / name, tmp_path / "wheels"))
    assert " passed" in run(*commands[1].split(), "-q", "-W", "error")
    assert ", 0 failed, " in run(*commands[2].split()[1:])
    assert name in run("list", f"{kind}s")
    small = () if kind == "dataset" else ("--dataset", "doa", "--set", "dataset.samples=2000")
    assert ("best epoch 1" if small else name) in run(*commands[3].split()[1:], *small)
    if kind == "model":
        ranked = run("benchmark", "--model", name, "--train", *small, "--json", "-")
        assert json.loads(ranked)["rows"][0]["model"] == name
