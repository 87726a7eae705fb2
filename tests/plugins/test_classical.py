"""The classical solvers against scipy and brute force."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

import hnetzoo

SOLVERS = ["hungarian", "hungarian-gated", "greedy", "mutual-nearest"]
SHAPES = [(2, 2), (3, 5), (6, 4), (8, 8)]


def problems(n: int, m: int, b: int = 50) -> torch.Tensor:
    return torch.rand(b, n, m, generator=torch.Generator().manual_seed(n * 10 + m)) * 3


def pairs(name: str, distance: torch.Tensor, **settings: object) -> torch.Tensor:
    return hnetzoo.decode(hnetzoo.load_model(name, **settings)(distance))


@pytest.mark.parametrize("shape", SHAPES)
def test_hungarian_is_scipys_assignment(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    for matrix, found in zip(distance, pairs("hungarian", distance), strict=True):
        rows, columns = linear_sum_assignment(matrix.numpy())
        assert found.nonzero().tolist() == [list(pair) for pair in zip(rows, columns, strict=True)]


@pytest.mark.parametrize("shape", SHAPES)
def test_gating_before_matching_keeps_more_pairs_than_after(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    before = pairs("hungarian-gated", distance, gate=0.5)
    after = pairs("hungarian-gated", distance, gate=0.5, gating="after")
    for found in (before, after):
        assert (distance[found] <= 0.5).all()
    assert torch.equal(after, pairs("hungarian", distance) & (distance <= 0.5))
    assert (before.sum((1, 2)) >= after.sum((1, 2))).all()
    assert before.sum() > after.sum()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("gate", [None, 0.7])
def test_greedy_takes_the_nearest_remaining_pair(shape: tuple[int, int], gate: float | None) -> None:
    distance = problems(*shape)
    for matrix, found in zip(distance.numpy(), pairs("greedy", distance, gate=gate), strict=True):
        expected = np.zeros(shape, dtype=bool)
        order = np.argsort(matrix, axis=None)
        for row, column in zip(*np.unravel_index(order, shape), strict=True):
            near = gate is None or matrix[row, column] <= gate
            if near and not expected[row].any() and not expected[:, column].any():
                expected[row, column] = True
        np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_mutual_nearest_pairs_are_least_in_row_and_column(shape: tuple[int, int]) -> None:
    distance = problems(*shape)
    least = (distance == distance.amin(1, keepdim=True)) & (distance == distance.amin(2, keepdim=True))
    assert torch.equal(pairs("mutual-nearest", distance), least)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("shape", [(0, 2, 2), (2, 0, 3), (2, 3, 0), (2, 0, 0)])
def test_empty_problems_have_no_pairs(name: str, shape: tuple[int, int, int]) -> None:
    assert pairs(name, torch.zeros(shape)).shape == shape


@pytest.mark.parametrize("name", SOLVERS)
def test_masked_slots_are_never_chosen_and_may_hold_anything(name: str) -> None:
    distance = problems(4, 5)
    row_mask = torch.rand(50, 4, generator=torch.Generator().manual_seed(1)) < 0.6
    col_mask = torch.rand(50, 5, generator=torch.Generator().manual_seed(2)) < 0.6
    cells = hnetzoo.valid_cells(row_mask, col_mask)
    model = hnetzoo.load_model(name)
    answers = []
    for outside in (0.0, torch.nan, -torch.inf):
        spoiled = distance.masked_fill(~cells, outside)
        kept = spoiled.clone()
        answers.append(model(spoiled, row_mask, col_mask) > 0)
        assert torch.equal(spoiled.nan_to_num(), kept.nan_to_num())
    assert all(torch.equal(answer, answers[0]) for answer in answers)
    assert not (answers[0] & ~cells).any()
    assert answers[0].any()


@pytest.mark.parametrize("name", SOLVERS)
def test_one_problem_alone_is_solved_as_in_a_batch(name: str) -> None:
    distance = problems(3, 4, 20)
    model = hnetzoo.load_model(name)
    torch.testing.assert_close(model(distance), torch.cat([model(one.unsqueeze(0)) for one in distance]))


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("value", [torch.nan, -torch.inf])
def test_unusable_distances_inside_the_masks_are_refused(name: str, value: float) -> None:
    with pytest.raises(hnetzoo.DataError, match=r"^distance is (nan|-inf) at problem 0, row 0, column 1"):
        hnetzoo.load_model(name)(torch.tensor([[[0.1, value]]]))


@pytest.mark.parametrize("name", SOLVERS)
def test_logits_are_certain_and_pairs_legal(name: str) -> None:
    logits = hnetzoo.load_model(name)(problems(5, 5))
    assert logits.abs().unique().tolist() == [20.0]
    chosen = logits > 0
    assert chosen.sum(1).max() <= 1
    assert chosen.sum(2).max() <= 1
