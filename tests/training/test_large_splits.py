"""Splits that may exceed the memory are trained on in the order of those in memory, bit by bit, and never copied."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import hnetzoo
from hnetzoo.association import batch as association_batch
from hnetzoo.association.coverage import coverage
from hnetzoo.registry.components import configure
from hnetzoo.training import batches
from hnetzoo.training.batches import extent, problem_groups, shuffled_batches, steps_per_epoch, training_groups
from tests.training.train import REGISTRY, Recorder, final_state, metrics, train, weights

PLAIN, GROUPED = hnetzoo.TrainerConfig(batch_size=16), hnetzoo.TrainerConfig(batch_size=16, pairs_per_batch=200)


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the numbers of problems that are copied at once from now on, by select, clone or to."""
    found: list[int] = []
    plain = hnetzoo.AssociationBatch.map

    def counted(batch: hnetzoo.AssociationBatch, function: Callable[[Tensor], Tensor]) -> hnetzoo.AssociationBatch:
        result = plain(batch, function)
        if result.distance.untyped_storage().data_ptr() != batch.distance.untyped_storage().data_ptr():
            found.append(len(result.distance))
        return result

    monkeypatch.setattr(hnetzoo.AssociationBatch, "map", counted)
    return found


@pytest.fixture(autouse=True)
def tiny_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every split be too large to copy, and scan 64 problems of 4 x 4 at a time."""
    monkeypatch.setattr(batches, "LARGEST_COPY", 0)
    monkeypatch.setattr(association_batch, "PAIRS_AT_ONCE", 1024)


@pytest.fixture
def splits() -> dict[hnetzoo.Split, hnetzoo.AssociationBatch]:
    dataset = hnetzoo.load_dataset("lsap", max_size=4, samples=600)
    return {split: dataset.load(split, 0) for split in hnetzoo.SPLITS}


@pytest.fixture
def file(tmp_path: Path, splits: dict[hnetzoo.Split, hnetzoo.AssociationBatch]) -> Path:
    membership = torch.arange(3).repeat_interleave(torch.tensor([len(batch.distance) for batch in splits.values()]))
    hnetzoo.write_problems(tmp_path / "p.npz", hnetzoo.AssociationBatch.concatenate(splits.values()), membership)
    return tmp_path / "p.npz"


@pytest.fixture
def folder(tmp_path: Path, splits: dict[hnetzoo.Split, hnetzoo.AssociationBatch]) -> Path:
    hnetzoo.write_problem_folder(tmp_path / "p", {split: batch.pieces() for split, batch in splits.items()})
    return tmp_path / "p"


def components(path: Path, model: str = "dual-softmax", **settings: Any) -> dict[str, Any]:
    """Return what `train` is given to train a model on a file or folder."""
    spec = REGISTRY.model(model)
    return {
        "model": configure(spec),
        "dataset": configure(REGISTRY.dataset("npz"), {"path": path}),
        "trainer": configure(REGISTRY.trainer(spec.trainer), {"epochs": 2, "batch_size": 32, **settings}),
    }


@pytest.mark.parametrize("settings", [PLAIN, GROUPED], ids=["all-sizes", "by-size"])
@pytest.mark.parametrize("epoch", [1, 2])
def test_batches_of_a_large_split_are_those_of_a_small_one(
    settings: hnetzoo.TrainerConfig, epoch: int, splits: dict[hnetzoo.Split, hnetzoo.AssociationBatch]
) -> None:
    large, small = training_groups(splits["train"], settings), problem_groups(splits["train"], settings)
    assert list(map(extent, large)) == list(map(extent, small))
    assert steps_per_epoch(large, settings) == steps_per_epoch(small, settings) > 10
    found = list(shuffled_batches(large, settings, 0, epoch))
    expected = list(shuffled_batches(small, settings, 0, epoch))
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert all(torch.equal(field, other.tensors[name]) for name, field in one.tensors.items())


def test_a_batch_is_gathered_when_it_is_asked_for(
    splits: dict[hnetzoo.Split, hnetzoo.AssociationBatch], copied: list[int]
) -> None:
    drawn = shuffled_batches(training_groups(splits["train"], PLAIN), PLAIN, 0, 1)
    next(drawn)
    next(drawn)
    assert copied == [16, 16]


@pytest.mark.parametrize("settings", [{}, {"pairs_per_batch": 256}], ids=["all-sizes", "by-size"])
def test_training_from_a_folder_ends_with_the_bits_of_training_from_a_file(
    settings: dict[str, int], file: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = train(tmp_path / "disk", **components(folder, **settings))
    monkeypatch.undo()  # now everything is in memory, and scanned at once
    in_memory = train(tmp_path / "memory", **components(file, **settings))
    assert final_state(tmp_path / "disk") == final_state(tmp_path / "memory")
    assert metrics(tmp_path / "disk") == metrics(tmp_path / "memory")
    assert (on_disk.test.f1, on_disk.test.cells) == (in_memory.test.f1, in_memory.test.cells)


def test_training_from_a_folder_resumes_to_equal_weights(folder: Path, tmp_path: Path) -> None:
    train(tmp_path / "whole", **components(folder))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=1), **components(folder))
    train(tmp_path / "cut", resume=True, **components(folder))
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")


@pytest.mark.parametrize("settings", [{}, {"pairs_per_batch": 256}], ids=["all-sizes", "by-size"])
def test_training_from_a_folder_copies_batches_alone(
    settings: dict[str, int], folder: Path, tmp_path: Path, copied: list[int]
) -> None:
    train(tmp_path / "run", **components(folder, epochs=1, **settings))
    assert 16 <= max(copied) <= 60  # of 600; validation and test hold 60


def test_scans_in_pieces_find_what_scans_of_all_find(
    splits: dict[hnetzoo.Split, hnetzoo.AssociationBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    training = splits["train"]
    assert len(list(training.pieces())) == 10
    found = coverage(*training.problems), hnetzoo.label_shares(training)
    monkeypatch.undo()
    assert len(list(training.pieces())) == 1
    assert found[0] == coverage(*training.problems)
    assert torch.equal(found[1], training.association.double().mean(0))


def test_a_trainer_that_writes_into_a_mapped_split_is_an_error_and_the_files_stay_as_they_are(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = components(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def prepare(self: object, training: hnetzoo.AssociationBatch) -> None:
        training.distance[0] = 0

    monkeypatch.setattr(given["trainer"].spec.load_target(), "prepare", prepare)
    with pytest.raises(hnetzoo.ModelError, match="wrote into the train split while training"):
        train(tmp_path / "run", **given)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
