"""The problems on which exported models are compared."""

from collections import Counter

import pytest
import torch

from hnetzoo.export.problems import BATCHES, KINDS, SIZES, example, grid


def test_every_size_has_batches_of_every_number() -> None:
    shapes = {tuple(batch.distance.shape) for batch in grid()}
    assert shapes == {(b, n, m) for b in BATCHES for n in SIZES for m in SIZES}


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (3, 5)])
def test_a_fixed_size_has_every_kind_of_problem_alone_in_a_batch(shape: tuple[int, int]) -> None:
    batches = list(grid(shape))
    assert {tuple(batch.distance.shape[1:]) for batch in batches} == {shape}
    assert Counter(len(batch.distance) for batch in batches) == dict.fromkeys(BATCHES, len(KINDS))
    alone = torch.cat([batch.distance for batch in batches if len(batch.distance) == 1])
    masked = torch.stack([~batch.cells.all() for batch in batches if len(batch.distance) == 1])
    assert (alone == torch.inf).flatten(1).any(1).any()
    assert masked.any()
    assert (~masked).any()


def test_values_outside_the_masks_are_nan_and_all_others_are_distances() -> None:
    for batch in grid():
        assert torch.equal(batch.distance.isnan(), ~batch.cells)
        assert (batch.distance[batch.cells] >= 0).all()


def test_problems_have_ragged_masks_fully_masked_rows_forbidden_pairs_and_ties() -> None:
    batches = [batch for batch in grid() if batch.distance.shape == (7, 8, 8)] + list(grid((8, 8)))
    rows = torch.cat([batch.row_mask.sum(1) for batch in batches])
    assert {0, 4, 7, 8} <= set(rows.tolist())
    distance = torch.cat([batch.distance for batch in batches])
    assert (distance == torch.inf).flatten(1).all(1).any()
    assert (distance[:, :, 0] == distance[:, :, -1]).all(1).any()


def test_features_come_where_a_model_takes_them() -> None:
    assert next(grid()).features == {}
    assert {name: list(field.shape) for name, field in example(None, 4).features.items()} == {
        "row_features": [2, 3, 4],
        "col_features": [2, 5, 4],
    }
