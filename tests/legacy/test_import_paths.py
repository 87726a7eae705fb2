"""Errors name a source that is not a file; a destination is written completely or not at all, never overwritten."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from hnetzoo.errors import ConfigError, DataError
from hnetzoo.legacy import importing
from hnetzoo.registry.components import Component
from hnetzoo.registry.specs import ModelSpec
from tests.legacy.pickles import write


def test_a_missing_or_empty_source_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read '.*nothing' \(No such file or directory\); give"):
        importing.kind_of(tmp_path / "nothing")
    with pytest.raises(DataError, match="is empty; give"):
        importing.import_data(write(tmp_path / "data", b""), tmp_path / "data.npz")
    with pytest.raises(DataError, match="is not a file; give"):
        importing.kind_of(tmp_path)


def test_what_exists_is_never_overwritten(tmp_path: Path, hnetgru: Component[ModelSpec]) -> None:
    taken = write(tmp_path / "taken.npz", b"precious")
    with pytest.raises(ConfigError, match=r"taken.npz' already exists"):
        importing.import_data(tmp_path / "data", taken)
    with pytest.raises(ConfigError, match="already exists"):
        importing.import_checkpoint(tmp_path / "weights.pt", tmp_path, hnetgru)
    with pytest.raises(ConfigError, match="is not a folder to write in"):
        importing.import_data(tmp_path / "data", taken / "data.npz")
    with pytest.raises(ConfigError, match=r"does not end in \.npz"):
        importing.import_data(tmp_path / "data", tmp_path / "data.csv")
    assert taken.read_bytes() == b"precious"


def test_a_failed_write_leaves_no_part_of_a_run(
    tmp_path: Path, hnetgru: Component[ModelSpec], module: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, tensors: object) -> None:
        raise OSError("disk full")

    torch.save(module.state_dict(), tmp_path / "weights.pt")
    monkeypatch.setattr(importing, "save_tensors", fail)
    with pytest.raises(OSError, match="disk full"):
        importing.import_checkpoint(tmp_path / "weights.pt", tmp_path / "run", hnetgru)
    assert os.listdir(tmp_path) == ["weights.pt"]
