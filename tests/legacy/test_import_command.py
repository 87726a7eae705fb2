"""Command `import` prints what it wrote and the next command."""

import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner, Result

from hnetzoo.cli.import_ import import_command
from hnetzoo.registry.loading import load_model
from hnetzoo.training.runs import read_run
from tests.legacy.pickles import entries, write


@pytest.fixture
def command() -> Callable[..., Result]:
    app = typer.Typer()
    app.command()(import_command)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def test_command_prints_what_it_wrote_and_the_next_command(tmp_path: Path, command: Callable[..., Result]) -> None:
    source, out = write(tmp_path / "data", pickle.dumps(entries())), tmp_path / "data.npz"
    assert re.search(
        rf"wrote 7 problems of 2 x 3 to {out}\nnext: hnetzoo train .*={out}", command(source, "--out", out).output
    )


def test_command_prints_one_document(tmp_path: Path, command: Callable[..., Result]) -> None:
    source, out = tmp_path / "weights.pt", tmp_path / "run"
    torch.save(load_model("hnetgru", weights=None).state_dict(), source)
    document = json.loads(command(source, "--out", out, "--json").stdout)
    assert document == {
        "kind": "checkpoint",
        "source": str(source),
        "out": str(out),
        "model": "hnetgru",
        "shape": [2, 2],
        "sha256": read_run(out).source["sha256"],
    }
