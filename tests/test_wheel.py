"""The wheel holds what users need, and works outside the repository."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", str(ROOT)]
    subprocess.run([*command, "--wheel-dir", str(folder)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_core_plugins_weights_and_licence_and_is_small(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "hnetzoo/py.typed",
        "hnetzoo_hnetgru/weights/default.safetensors",
        "hnetzoo_hnetgru/weights/default.json",
        "hnetzoo_dhn/weights/default.safetensors",
        "hnetzoo_transformer/weights/default.safetensors",
        "hnetzoo_doa/plugin.py",
        "hnetzoo_classical/plugin.py",
        "hnetzoo_files/plugin.py",
        "hnetzoo_lsap/plugin.py",
        "hnetzoo_mot/plugin.py",
        "hnetzoo-0.1.0.dist-info/licenses/LICENSE",
    ):
        assert part in names
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]
    assert wheel.stat().st_size < 10e6


def test_installed_wheel_lists_and_loads_the_pretrained_model(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    code = (
        "import hnetzoo, torch; assert 'site' in hnetzoo.__file__, hnetzoo.__file__\n"
        "print(sorted(hnetzoo.discover().models)); print(hnetzoo.load_model('hnetgru')(torch.rand(1, 2, 2)).shape)"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == [
        "['dhn', 'dual-softmax', 'exchangeable', 'greedy', 'hnetgru', 'hungarian', 'hungarian-gated', "
        "'mutual-nearest', 'perturbed', 'sinkhorn', 'transformer']",
        "torch.Size([1, 2, 2])",
    ]
