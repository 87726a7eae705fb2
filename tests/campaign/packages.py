"""Installed packages of other people, made in a folder: one with weights and a card, and ones that are defective."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import hnetzoo_dual_softmax
from hnetzoo.files import write_record

CARDED = """
import hnetzoo

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="carded", summary="s", target="hnetzoo_dual_softmax.model:DualSoftmax",
                              config="hnetzoo_dual_softmax.config:DualSoftmaxConfig",
                              pretrained=(hnetzoo.Pretrained(weights="carded:w.safetensors", card="carded:w.json"),))]
"""


def install(site: Path, name: str, files: dict[str, str]) -> None:
    """Write a package with an entry point into a folder; `files` holds its modules by name, "__init__" the plugin."""
    package = site / name
    package.mkdir(parents=True)
    for module, text in files.items():
        (package / f"{module}.py").write_text(text)
    info = site / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[hnetzoo]\n{name} = {name}\n")


def carded_package(site: Path) -> None:
    """Install a package whose model has weights and a card, those of dual-softmax."""
    install(site, "carded", {"__init__": CARDED})
    shipped = Path(hnetzoo_dual_softmax.__path__[0]) / "weights"
    shutil.copy(shipped / "default.safetensors", site / "carded" / "w.safetensors")
    card = json.loads((shipped / "default.json").read_text())
    write_record(site / "carded" / "w.json", card)


def on_path(site: Path) -> None:
    """Let this process import from a folder, if it exists."""
    if site.is_dir():
        sys.path.insert(0, str(site))
        importlib.invalidate_caches()
