"""The examples of docs/export.md."""

import re
import shutil
from pathlib import Path

import pytest

from hnetzoo.export import write_onnx

TEXT = (Path(__file__).parents[2] / "docs" / "export.md").read_text()
WITHOUT_TORCH, PROGRAM = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)


def test_the_example_without_torch_finds_the_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is run with a smaller network than it names, which is exported sooner."""
    monkeypatch.chdir(tmp_path)
    write_onnx("dual-softmax", tmp_path / "small.onnx")
    shutil.move("small.onnx", "exchangeable.onnx")
    exec(WITHOUT_TORCH, {})
    assert capsys.readouterr().out == "chord [(0, 0), (1, 1)]\n"
    assert "torch" not in WITHOUT_TORCH
    assert len([line for line in WITHOUT_TORCH.splitlines() if line]) <= 15


def test_the_example_of_a_program_agrees(capsys: pytest.CaptureFixture[str]) -> None:
    """It covers all sizes and masks, of a network that takes any."""
    exec(PROGRAM, {})
    assert re.match(
        r"the same decisions .*on 360 problems, logits within \S+ \(0.05 is accepted\)\n$", capsys.readouterr().out
    )
