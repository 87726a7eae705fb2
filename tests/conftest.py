"""Fixtures for the whole suite."""

import os

# Workers and the commands that tests start share the cores: threads of all of them would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest
import torch

hypothesis.settings.register_profile("hnetzoo", deadline=None, max_examples=50, derandomize=True)
hypothesis.settings.load_profile("hnetzoo")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def fake_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return a function that makes an installed distribution: dist-info with an entry point, and its module's code."""
    root = tmp_path / "site"
    root.mkdir()
    monkeypatch.syspath_prepend(str(root))
    modules: list[str] = []

    def install(name: str, code: str, entry_point: str = "plugin", module: str = "") -> Path:
        module = module or name.replace("-", "_")
        (root / f"{module}.py").write_text(code)
        info = root / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[hnetzoo]\n{entry_point} = {module}\n")
        modules.append(module)
        return info

    yield install
    for module in modules:
        sys.modules.pop(module, None)
