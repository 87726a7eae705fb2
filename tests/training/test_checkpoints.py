"""Crash-safe files and checkpoints."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from hnetzoo.errors import CheckpointError
from hnetzoo.files import read_json, write_file
from hnetzoo.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from hnetzoo.training.weights import load_tensors, save_tensors


def state(epoch: int) -> dict[str, object]:
    return {
        "optimizer": {
            "state": {0: {"step": torch.tensor(float(epoch)), "mean": torch.arange(3.0) / 7}},
            "betas": (0.9, 1),
        },
        "rate": 0.1 + 0.2,
        "names": ["a", None, True],
        "empty": {},
    }


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def test_state_is_read_back_exactly_with_its_types(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, Checkpoint(3, state(3)))
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found.epoch == 3
    assert same(found.state, state(3))


def test_newest_two_states_are_kept(tmp_path: Path) -> None:
    for epoch in range(1, 12):
        save_checkpoint(tmp_path, Checkpoint(epoch, state(epoch)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-000010", "epoch-000011"]


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "tensors.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_a_damaged_checkpoint_is_skipped(tmp_path: Path, name: str, damage: str) -> None:
    for epoch in (1, 2):
        save_checkpoint(tmp_path, Checkpoint(epoch, state(epoch)))
    path = tmp_path / "epoch-000002" / name
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content[:-9] + b"\x00" + content[-8:])
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found.epoch == 1


def test_a_directory_without_states_has_no_checkpoint(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "missing") is None
    assert load_checkpoint(tmp_path) is None


def test_it_is_an_error_if_all_checkpoints_are_damaged(tmp_path: Path) -> None:
    (tmp_path / "epoch-000001").mkdir()
    with pytest.raises(CheckpointError, match=r"no checkpoint in '.*' is intact .*; start over with --fresh"):
        load_checkpoint(tmp_path)


def test_unfinished_checkpoint_is_ignored(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, Checkpoint(1, state(1)))
    (tmp_path / "epoch-000001").rename(tmp_path / ".epoch-000002.tmp")
    assert load_checkpoint(tmp_path) is None


def test_state_that_needs_pickle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be saved without pickle"):
        save_checkpoint(tmp_path, Checkpoint(1, {"function": print}))
    assert load_checkpoint(tmp_path) is None


def test_tensors_that_share_memory_are_saved_apart(tmp_path: Path) -> None:
    base = torch.arange(6.0)
    save_tensors(tmp_path / "t.safetensors", {"all": base, "part": base[2:4], "turned": base.view(2, 3).T})
    found = load_tensors(tmp_path / "t.safetensors")
    assert torch.equal(found["part"], base[2:4])
    assert torch.equal(found["turned"], base.view(2, 3).T)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"\x10\x00not safetensors")
    with pytest.raises(CheckpointError, match=r"cannot read weights '.*w.safetensors' .*restore it or train again"):
        load_tensors(tmp_path / "w.safetensors")


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    write_file(tmp_path / "f", b"old")
    with pytest.raises(TypeError):
        write_file(tmp_path / "f", "text")  # type: ignore[arg-type]
    assert (tmp_path / "f").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


def test_damaged_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"cannot read '.*run.json'"):
        read_json(tmp_path / "run.json")


def test_files_and_folders_of_other_names_are_neither_read_nor_deleted(tmp_path: Path) -> None:
    (tmp_path / "epoch-zzz").write_text("mine")
    (tmp_path / "epoch-000009.bak").mkdir()
    for epoch in range(1, 5):
        save_checkpoint(tmp_path, Checkpoint(epoch, state(epoch)))
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found.epoch == 4
    assert {path.name for path in tmp_path.iterdir()} == {
        "epoch-zzz", "epoch-000009.bak", "epoch-000003", "epoch-000004"
    }  # fmt: skip


def test_leftovers_of_a_killed_save_are_removed_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".epoch-000001.tmp").mkdir()
    save_checkpoint(tmp_path, Checkpoint(2, state(2)))
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-000002"]


@pytest.mark.parametrize("name", ["manifest.json", "state.json", "tensors.safetensors"])
def test_every_flipped_bit_of_a_checkpoint_is_found_or_harmless(tmp_path: Path, name: str) -> None:
    save_checkpoint(tmp_path, Checkpoint(1, state(1)))
    path = tmp_path / "epoch-000001" / name
    content = path.read_bytes()
    whole = load_checkpoint(tmp_path)
    assert whole is not None
    for index in range(len(content)):
        path.write_bytes(content[:index] + bytes([content[index] ^ 1 << index % 8]) + content[index + 1 :])
        with suppress(CheckpointError):
            found = load_checkpoint(tmp_path)
            assert found is not None
            assert found.epoch == whole.epoch
            assert same(found.state, whole.state)


@pytest.mark.parametrize(
    "document",
    [
        {"files": {}},
        {"epoch": "x", "files": {}},
        {"epoch": 1, "files": []},
        {"epoch": 1, "files": {"../x": {"sha256": "", "size": 0}}},
        {"epoch": [], "files": {"state.json": None}},
        [],
    ],
)
def test_a_manifest_of_another_form_is_damaged(tmp_path: Path, document: object) -> None:
    save_checkpoint(tmp_path, Checkpoint(1, state(1)))
    (tmp_path / "epoch-000001" / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(CheckpointError, match="no checkpoint in"):
        load_checkpoint(tmp_path)
