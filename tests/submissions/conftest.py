"""A small leaderboard with a suite of its own, and the document that the author of a foreign package hands in."""

import copy
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import read_suite
from hnetzoo.cli import main
from hnetzoo.files import write_json
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry

COMMIT = "0123456789" * 4
CODE = """
import torch
import hnetzoo

class Gate(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.gate = torch.nn.Parameter(torch.zeros(()))

    def forward(self, distance, row_mask=None, col_mask=None):
        if distance.shape[1] == 3:
            raise RuntimeError("<b>no luck</b> with three | slots")
        return 20 * (self.gate - distance).clamp(-1, 1)

@hnetzoo.hookimpl
def hnetzoo_models():
    shipped = hnetzoo.Pretrained(weights="acme_gate:default.safetensors", card="acme_gate:default.json")
    return [hnetzoo.ModelSpec(name="acme-gate", summary="", target="acme_gate:Gate", config="hnetzoo:Config",
                              trainer="hnet", pretrained=(shipped,))]
"""
SUITE = """
models = ["hungarian", "greedy", "mutual-nearest"]
seeds = [0, 1]
datasets = [
    { name = "doa", settings = { samples = 400 } },
    { name = "doa", label = "doa-3", settings = { samples = 400, max_doas = 3 } },
]
"""
SCOPE = {
    "slots": [1, 4],
    "masks": True,
    "unit": "chord",
    "distances": [[0.0, 250.0]],
    "truth": "activity",
    "tasks": ["doa"],
    "seeds": [7],
}


def install(site: Path) -> None:
    """Install a package with weights and a card, as pip would."""
    package, info = site / "acme_gate", site / "acme_gate-1.2.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text(CODE)
    save_file({"gate": torch.tensor(0.6)}, package / "default.safetensors")
    digest = hashlib.sha256((package / "default.safetensors").read_bytes()).hexdigest()
    card = {"sha256": digest, "scope": SCOPE, "data": {"train": "a" * 64, "validation": "b" * 64}}
    (package / "default.json").write_text(json.dumps(card))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-gate\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[hnetzoo]\nacme = acme_gate\n")


@pytest.fixture(scope="module")  # and no longer: other tests see what is installed
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Return the folder of a leaderboard, and the document that one command has written for a foreign model."""
    root = tmp_path_factory.mktemp("leaderboard")
    (root / "suites").mkdir()
    (root / "results" / "submitted").mkdir(parents=True)
    (root / "suites" / "tiny.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hnetzoo.registry.environment.commit", lambda source: COMMIT)
        ours = run_benchmark(read_suite(root / "suites" / "tiny.toml"), discover())
        write_json(root / "results" / "tiny.json", ours.to_json())
        install(root / "site")
        patch.syspath_prepend(str(root / "site"))
        patch.chdir(root)
        command = "benchmark --suite suites/tiny.toml --model acme-gate --json acme.json --quiet"
        patch.setattr(sys, "argv", ["hnetzoo", *command.split()])
        with pytest.raises(SystemExit):
            main()
        yield root, json.loads((root / "acme.json").read_text())
    sys.modules.pop("acme_gate", None)


@pytest.fixture
def document(made: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    """Return a copy of the document, to be changed."""
    return copy.deepcopy(made[1])


@pytest.fixture
def root(made: tuple[Path, dict[str, Any]]) -> Iterator[Path]:
    """Return the leaderboard, without submissions before and after."""
    yield made[0]
    for path in (made[0] / "results" / "submitted").iterdir():
        path.unlink()


@pytest.fixture(scope="module")
def registry(made: tuple[Path, dict[str, Any]]) -> Registry:
    return discover()
