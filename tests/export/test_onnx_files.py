"""ONNX files: what stands in them, and that none is written that answers otherwise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import hnetzoo
from hnetzoo import ConfigError, ExportError
from hnetzoo.export import onnx_files, problems, write_onnx
from hnetzoo.registry.resolution import resolve_model

SMALL = {"channels": 4, "layers": 1, "transport_steps": 12}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the file of dual-softmax and what its metadata should say."""
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    return path, write_onnx("dual-softmax", path)


@pytest.fixture(scope="module")
def session(written: tuple[Path, dict[str, Any]]) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(written[0]), providers=["CPUExecutionProvider"])


def test_a_file_answers_for_any_size_with_numpy_alone(session: onnxruntime.InferenceSession) -> None:
    model = hnetzoo.load_model("dual-softmax")
    for b, n, m in ((1, 1, 4), (3, 6, 2), (11, 40, 17)):
        distance = np.random.default_rng(b).uniform(0, 2, (b, n, m)).astype(np.float32)
        row_mask, col_mask = np.ones((b, n), bool), np.ones((b, m), bool)
        row_mask[0, -1] = False
        (logits,) = session.run(["logits"], {"distance": distance, "row_mask": row_mask, "col_mask": col_mask})
        with torch.no_grad():
            expected = model(*map(torch.from_numpy, (distance, row_mask, col_mask))).numpy()
        np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-5)
        assert (logits[0, -1] == hnetzoo.IMPOSSIBLE).all()


def test_inputs_and_output_have_names_types_and_free_sizes(session: onnxruntime.InferenceSession) -> None:
    inputs = {given.name: (given.type, given.shape) for given in session.get_inputs()}
    assert inputs == {
        "distance": ("tensor(float)", ["b", "n", "m"]),
        "row_mask": ("tensor(bool)", ["b", "n"]),
        "col_mask": ("tensor(bool)", ["b", "m"]),
    }
    assert [(given.name, given.type) for given in session.get_outputs()] == [("logits", "tensor(float)")]


def test_metadata_say_what_the_model_is_for(
    written: tuple[Path, dict[str, Any]], session: onnxruntime.InferenceSession
) -> None:
    found = session.get_modelmeta().custom_metadata_map
    weights = resolve_model("dual-softmax", hnetzoo.discover()).weights
    assert weights is not None
    assert weights.scope is not None
    assert (found["model"], found["weights"], found["sha256"]) == ("dual-softmax", "pretrained:default", weights.sha256)
    assert json.loads(found["scope"]) == json.loads(json.dumps(weights.scope.to_json()))
    assert json.loads(found["settings"])["temperature"] == weights.settings["temperature"]
    assert found["hnetzoo"] == hnetzoo.__version__
    assert (found["shape"], found["tolerance"], found["problems"]) == ("null", "0.05", "360")
    assert float(found["largest_difference"]) == written[1]["largest_difference"] < 1e-4


def test_a_file_is_valid_and_names_no_source_code(written: tuple[Path, dict[str, Any]]) -> None:
    onnx.checker.check_model(str(written[0]), full_check=True)
    assert b".py" not in written[0].read_bytes()


def test_a_model_that_answers_otherwise_is_refused_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's own translation of log(sigmoid(x)) is -inf for x below -88."""
    path = tmp_path / "model.onnx"
    path.write_text("old")
    monkeypatch.setattr(onnx_files, "translations", dict)
    with pytest.raises(ExportError, match=r"^'dual-softmax', exported, of \d problems of .* answers otherwise: "):
        write_onnx("dual-softmax", path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("model.onnx", "old")]


def test_a_model_with_features_takes_them_and_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = resolve_model("motion", hnetzoo.discover(), SMALL, with_weights=False)
    monkeypatch.setattr(onnx_files, "resolve_model", lambda *_: resolved)
    monkeypatch.setattr(problems, "SIZES", (1, 3, 8))
    torch.manual_seed(0)
    facts = write_onnx("motion", tmp_path / "model.onnx")
    assert facts["settings"]["channels"] == 4
    assert (facts["weights"], facts["scope"]) == ("none", None)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    shapes = {given.name: given.shape for given in session.get_inputs()}
    assert (shapes["row_features"], shapes["col_features"]) == (["b", "n", 9], ["b", "m", 9])


def test_a_file_that_the_runtime_refuses_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_files, "_convert", lambda *_: onnx.ModelProto())
    with pytest.raises(ExportError, match=r"^'hnetgru' cannot be run by onnxruntime: .*; nothing was written$"):
        write_onnx("hnetgru", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_files, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(ConfigError, match=r"^ONNX needs onnxscript; run pip install 'hnetzoo\[onnx\]'$"):
        write_onnx("dual-softmax", tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []
