"""Imported checkpoints give the outputs of their module; errors say what does not fit."""

import os
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from hnetzoo.errors import CheckpointError, ConfigError
from hnetzoo.legacy import importing
from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.resolution import resolve_model
from hnetzoo.registry.specs import ModelSpec
from hnetzoo.training.runs import BEST, RUN, read_run
from hnetzoo.training.weights import load_tensors


@pytest.mark.parametrize("form", ["old, from a GPU", "new, nested"])
def test_checkpoints_give_the_outputs_of_their_module(
    tmp_path: Path, hnetgru: Component[ModelSpec], module: nn.Module, form: str
) -> None:
    source, out = tmp_path / "weights.bin", tmp_path / "runs" / "imported"
    if form == "new, nested":
        torch.save({"epoch": 3, "state_dict": module.double().state_dict()}, source)
        module.float()
        out.mkdir(parents=True)
    else:
        torch.save(module.state_dict(), source, _use_new_zipfile_serialization=False)
        text = (b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
        assert text[0] in source.read_bytes()
        source.write_bytes(source.read_bytes().replace(*text))
    assert importing.kind_of(source) == "checkpoint"
    importing.import_checkpoint(source, out, hnetgru)
    distance = torch.rand(5, 3, 3)
    loaded = resolve_model(f"run:{out}", discover())
    assert torch.equal(loaded.load((3, 3))(distance), module(distance))
    assert loaded.size == (3, 3)
    assert {path.name for path in out.iterdir()} == {RUN, BEST}
    assert all(tensor.dtype == torch.float32 for tensor in load_tensors(out / BEST).values())
    record = read_run(out)
    assert record.settings == {"model": {"hidden_size": 8, "distance_scale": None}}
    assert record.source["file"] == "weights.bin"
    assert re.fullmatch("[0-9a-f]{64}", record.source["sha256"])


def test_a_truncated_checkpoint_is_refused(tmp_path: Path, hnetgru: Component[ModelSpec], module: nn.Module) -> None:
    source = tmp_path / "weights.pt"
    torch.save(module.state_dict(), source)
    source.write_bytes(source.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="cannot be read by torch") as caught:
        importing.import_checkpoint(source, tmp_path / "run", hnetgru)
    assert "weights_only" not in str(caught.value)


def test_weights_of_another_model_list_expected_and_found_names(tmp_path: Path, hnetgru: Component[ModelSpec]) -> None:
    source = tmp_path / "weights.pt"
    torch.save({"encoder.weight": torch.zeros(2)}, source)
    with pytest.raises(CheckpointError, match=r"expected: gru.weight_ih_l0, .*; found: encoder.weight\)"):
        importing.import_checkpoint(source, tmp_path / "run", hnetgru)


def test_weights_of_other_settings_name_the_shapes(tmp_path: Path, module: nn.Module) -> None:
    source, out = tmp_path / "weights.pt", tmp_path / "run"
    torch.save(module.state_dict(), source)
    named = r"attn.conv_K.weight is \[8, 8, 1\] instead of \[128, 128, 1\], .* and 5 more\); use the settings"
    with pytest.raises(CheckpointError, match=named):
        importing.import_checkpoint(source, out, configure(discover().model("hnetgru")))
    assert os.listdir(tmp_path) == ["weights.pt"]


def test_a_model_that_cannot_infer_a_shape_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model 'hungarian' cannot tell .* give the --model"):
        importing.import_checkpoint(tmp_path / "weights.pt", tmp_path / "run", configure(discover().model("hungarian")))
