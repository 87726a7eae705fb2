"""`hnetzoo export`."""

import json
from pathlib import Path

import onnxruntime
import pytest

from tests.cli.outcome import Run

TRAINED = ("--dataset", "doa", "--epochs", "1", "--set", "dataset.samples=400", "--set", "dataset.max_doas=3")


def test_a_run_of_fixed_size_is_exported_for_its_size(run: Run, tmp_path: Path) -> None:
    assert run("train", "hnetgru", *TRAINED, "--out", "mine", "--quiet").code == 0
    done = run("export", "run:mine", "--out", "mine.onnx", "--json")
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert (document["model"], document["weights"], document["shape"]) == ("hnetgru", "run:mine", [3, 3])
    assert document["problems"] == 100
    assert document["largest_difference"] < 1e-3
    assert document["bytes"] == (tmp_path / "mine.onnx").stat().st_size
    assert document["scope"]["tasks"] == ["doa"]
    session = onnxruntime.InferenceSession("mine.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape == ["b", 3, 3]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("hungarian", "--out", "model.onnx"), 1, "Hungarian cannot be exported: torch.export says "),
        (("dual-softmax", "--out", "model.pt"), 2, "--out 'model.pt' is no .onnx file; give it that suffix"),
        (("dual-softmax", "--out", "no/model.onnx"), 2, "folder 'no' does not exist; create it first"),
        (("dual-softmax", "--out", "model.onnx", "--set", "trainer.epochs=1"), 2, "settings of the model alone"),
        (("dual-softmax", "--out", "model.onnx", "--set", "model.tempo=1"), 2, "did you mean 'model.temperature'?"),
        (("run:nowhere", "--out", "model.onnx"), 4, "nowhere"),
        (("unknown-net", "--out", "model.onnx"), 2, "unknown model 'unknown-net'"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_a_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run("export", *arguments)
    assert (done.code, done.out) == (code, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
