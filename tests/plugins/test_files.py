"""Dataset npz: problems from your own file."""

from pathlib import Path

import numpy as np
import pytest
import torch

import hnetzoo


@pytest.fixture
def problems() -> hnetzoo.AssociationBatch:
    return hnetzoo.load_dataset("doa", samples=400, counts="known").load("train", 0)


@pytest.fixture
def path(tmp_path: Path, problems: hnetzoo.AssociationBatch) -> Path:
    hnetzoo.write_problems(tmp_path / "mine.npz", problems)
    return tmp_path / "mine.npz"


def rows(batch: hnetzoo.AssociationBatch) -> set[bytes]:
    return {row.numpy().tobytes() for row in batch.distance}


def test_splits_are_disjoint_cover_the_file_and_follow_the_shares(
    path: Path, problems: hnetzoo.AssociationBatch
) -> None:
    dataset = hnetzoo.load_dataset("npz", path=path, validation_share=0.2, test_share=0.05)
    splits = [dataset.load(split, seed=0) for split in ("train", "validation", "test")]
    assert [len(split.distance) for split in splits] == [300, 80, 20]
    assert set().union(*map(rows, splits)) == rows(problems)


def test_training_seed_does_not_move_problems_between_splits(path: Path) -> None:
    dataset = hnetzoo.load_dataset("npz", path=path)
    assert torch.equal(dataset.load("test", 0).distance, dataset.load("test", 1).distance)
    other = hnetzoo.load_dataset("npz", path=path, split_seed=1)
    assert not torch.equal(dataset.load("test", 0).distance, other.load("test", 0).distance)


def test_stored_splits_are_used(tmp_path: Path, problems: hnetzoo.AssociationBatch) -> None:
    split = torch.arange(400) % 3
    hnetzoo.write_problems(tmp_path / "split.npz", problems, split)
    dataset = hnetzoo.load_dataset("npz", path=tmp_path / "split.npz")
    for index, name in enumerate(("train", "validation", "test")):
        assert torch.equal(dataset.load(name, 0).distance, problems.distance[split == index])


def test_masks_and_associations_come_back(path: Path, problems: hnetzoo.AssociationBatch) -> None:
    dataset = hnetzoo.load_dataset("npz", path=path, validation_share=0, test_share=1)
    found = dataset.load("test", 0)
    assert dataset.shape == (2, 2)
    assert found.association.sum() == problems.association.sum()
    assert found.row_mask.sum() == problems.row_mask.sum()


def test_empty_split_is_refused_with_the_shares(path: Path) -> None:
    dataset = hnetzoo.load_dataset("npz", path=path, test_share=0)
    with pytest.raises(
        hnetzoo.DataError, match=r"leaves the test split without problems \(400 in all\); add problems, or change"
    ):
        dataset.load("test", 0)


def test_file_without_associations_is_refused_for_training(tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", distance=np.zeros((3, 2, 2)))
    with pytest.raises(hnetzoo.DataError, match=r"bare.npz' holds no array 'association'; .* need bool \[3, 2, 2\]"):
        hnetzoo.load_dataset("npz", path=tmp_path / "bare.npz").load("train", 0)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"cannot read '.*none.npz' as .npz \(No such file or directory\)"):
        _ = hnetzoo.load_dataset("npz", path=tmp_path / "none.npz").shape


def test_missing_path_is_a_setting_to_give() -> None:
    with pytest.raises(hnetzoo.ConfigError, match=r"dataset.path is required \(run 'hnetzoo show npz'"):
        hnetzoo.load_dataset("npz")
