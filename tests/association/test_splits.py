"""Splits of datasets: checks, label shares, slices and seeds."""

import re

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
import torch

from hnetzoo import (
    SPLITS,
    AssociationBatch,
    DataError,
    assign,
    label_shares,
    split_generator,
    split_seed,
    split_slice,
)
from hnetzoo.association.splits import load_split


class FixedDataset:
    """A dataset that returns the same batch for every split."""

    unit = "none"

    def __init__(self, batch: AssociationBatch, shape: tuple[int, int] = (2, 3)) -> None:
        self.batch, self.shape = batch, shape

    def load(self, split: str, seed: int) -> AssociationBatch:
        return self.batch


@pytest.fixture
def batch(generator: torch.Generator) -> AssociationBatch:
    """Return problems with masks, activity and features, and NaN outside the masks."""
    distance = torch.rand(40, 2, 3, generator=generator)
    masks = torch.rand(40, 2, generator=generator) < 0.7, torch.rand(40, 3, generator=generator) < 0.7
    full = AssociationBatch(distance, assign(distance, *masks), *masks)
    return full._replace(
        distance=distance.masked_fill(~full.cells, torch.nan),
        row_active=full.row_mask.clone(),
        col_active=full.col_mask.clone(),
        row_features=torch.rand(40, 2, 5, generator=generator),
        col_features=torch.rand(40, 3, 5, generator=generator),
        truth=torch.arange(40) % 3 - 1,
        probability=torch.rand(40, 2, 3, generator=generator),
    )


FLAGS = ("association", "row_mask", "col_mask", "row_active", "col_active")
NUMBERS = ("distance", "row_features", "col_features", "probability")


def test_a_valid_split_is_returned_unchanged(batch: AssociationBatch) -> None:
    assert load_split(FixedDataset(batch), "train", 0) is batch
    bare = AssociationBatch(*batch[:4])
    assert load_split(FixedDataset(bare), "test", 0) is bare


@pytest.mark.parametrize("name", [*FLAGS, *NUMBERS])
def test_a_field_of_another_shape_than_the_dataset_says_is_refused(name: str, batch: AssociationBatch) -> None:
    right = batch.tensors[name]
    wrong = right[:, :1]
    expected = list(right.shape[:2]) if name.endswith("_features") else list(right.shape)
    message = f"validation split: {name} is {list(wrong.shape)}; 40 problems of 2 x 3 require {expected}"
    with pytest.raises(DataError, match=f"^{re.escape(message)}; correct the dataset$"):
        load_split(FixedDataset(batch._replace(**{name: wrong})), "validation", 0)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, dtype) for name in FLAGS for dtype in (torch.uint8, torch.int64, torch.float32)),
        *((name, dtype) for name in NUMBERS for dtype in (torch.bool, torch.int64, torch.float64, torch.float16)),
    ],
    ids=str,
)
def test_a_field_of_another_type_is_refused(name: str, dtype: torch.dtype, batch: AssociationBatch) -> None:
    wrong = batch._replace(**{name: batch.tensors[name].to(dtype)})
    expected = "float32" if name in NUMBERS else "bool"
    message = f"test split: {name} is {str(dtype)[6:]}; expected {expected}; correct the dataset"
    with pytest.raises(DataError, match=f"^{re.escape(message)}$"):
        load_split(FixedDataset(wrong), "test", 0)


def test_nan_is_refused_inside_the_masks_and_accepted_outside(batch: AssociationBatch) -> None:
    assert batch.distance.isnan().any()
    everywhere = batch._replace(row_mask=torch.ones_like(batch.row_mask), col_mask=torch.ones_like(batch.col_mask))
    message = "^train split: distance is NaN inside the masks; mask the slots or correct the values$"
    with pytest.raises(DataError, match=message):
        load_split(FixedDataset(everywhere), "train", 0)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.inf, np.nan])
def test_what_is_no_probability_is_refused_inside_the_masks_and_accepted_outside(
    value: float, batch: AssociationBatch
) -> None:
    wrong = torch.full_like(batch.distance, value)
    outside = batch._replace(probability=torch.where(batch.cells, batch.probability, wrong))
    assert load_split(FixedDataset(outside), "train", 0) is outside
    message = "^train split: probability is not in 0..1 inside the masks; correct the dataset$"
    with pytest.raises(DataError, match=message):
        load_split(FixedDataset(batch._replace(probability=wrong)), "train", 0)


def test_label_shares_are_the_means_of_the_labels(batch: AssociationBatch) -> None:
    shares = label_shares(batch)
    assert shares.shape == (2, 3)
    assert np.allclose(shares.numpy(), batch.association.numpy().mean(0), atol=1e-15)


def test_label_shares_of_no_problems_are_zero() -> None:
    shares = label_shares(AssociationBatch.with_full_masks(torch.zeros(0, 2, 2), torch.zeros(0, 2, 2).bool()))
    assert shares.tolist() == [[0.0, 0.0], [0.0, 0.0]]


@hypothesis.given(st.integers(0, 500), st.floats(0, 1), st.floats(0, 1))
def test_slices_of_a_recording_cover_it_in_order(count: int, validation: float, test: float) -> None:
    hypothesis.assume(validation + test <= 1)
    parts = [split_slice(split, count, validation, test) for split in SPLITS]
    assert [index for part in parts for index in range(part.start, part.stop)] == list(range(count))
    for part, share in zip(parts[1:], (validation, test), strict=True):
        assert part.stop - part.start == pytest.approx(share * count, abs=1)


def test_seeds_and_generators_of_splits_differ() -> None:
    drawn = {split_generator(split, seed).random() for split in SPLITS for seed in range(20)}
    seeds = {split_seed(split, seed) for split in SPLITS for seed in range(20)}
    assert len(drawn) == len(seeds) == 60
    assert split_generator("test", 3).random() == split_generator("test", 3).random()
