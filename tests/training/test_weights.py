"""Weights are loaded as they were saved, or not at all."""

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

import hnetzoo
from hnetzoo.errors import CheckpointError
from hnetzoo.training.weights import fill, load_tensors, save_tensors

TENSORS = {"weight": torch.tensor([[1.0, -2.0, 0.5]]), "steps": torch.tensor(7)}


def test_every_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, TENSORS)
    content = path.read_bytes()
    for bit in range(8 * len(content)):
        place, mask = divmod(bit, 8)
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << mask]) + content[place + 1 :])
        with suppress(CheckpointError):
            found = load_tensors(path)
            assert found.keys() == TENSORS.keys()
            assert all(torch.equal(found[name], tensor) for name, tensor in TENSORS.items()), bit


def test_another_file_than_the_digest_says_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_tensors(path, TENSORS)
    assert load_tensors(path, sha256(path.read_bytes()).hexdigest()).keys() == TENSORS.keys()
    with pytest.raises(CheckpointError, match=r"w.safetensors' do not match their digest"):
        load_tensors(path, sha256(b"another").hexdigest())


def test_a_file_without_digest_of_its_own_is_loaded(tmp_path: Path) -> None:
    safetensors.torch.save_file(TENSORS, tmp_path / "w.safetensors")
    assert torch.equal(load_tensors(tmp_path / "w.safetensors")["weight"], TENSORS["weight"])


@pytest.mark.parametrize(
    ("weight", "reason"),
    [
        (torch.ones(1, 3, dtype=torch.float64), "of another type: weight is torch.float64 instead of torch.float32"),
        (torch.ones(1, 3, dtype=torch.int32), "of another type: weight is torch.int32 instead of torch.float32"),
        (torch.tensor([[1.0, float("nan"), 1.0]]), "not a number: weight"),
    ],
)
def test_weights_of_another_type_or_with_a_nan_are_refused(weight: torch.Tensor, reason: str) -> None:
    with pytest.raises(CheckpointError, match=reason):
        fill(nn.Linear(3, 1, bias=False), {"weight": weight}, "w.safetensors")


def test_weights_of_another_network_are_refused_in_a_short_line_that_says_what_to_do() -> None:
    with pytest.raises(CheckpointError) as refused:
        hnetzoo.load_model("exchangeable", hidden=32)
    assert len(str(refused.value)) < 400
    assert "and 29 more" in str(refused.value)
    assert str(refused.value).endswith("or train again")
