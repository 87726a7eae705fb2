"""Lists of matrices of different sizes and kinds become one batch of problems."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import hnetzoo


class Frame:
    """An object as pandas has them: it is no array, and knows how to become one."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def to_numpy(self) -> np.ndarray:
        return self.values


KINDS = (np.asarray, torch.from_numpy, Frame, np.ndarray.tolist)
SIZES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.sampled_from(KINDS)), max_size=6)


@given(SIZES)
def test_every_matrix_is_found_inside_the_masks_and_nothing_outside(sizes: list[Any]) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.random((n, m)) for n, m, _ in sizes]
    stacked = hnetzoo.stack(kind(array) for array, (_, _, kind) in zip(arrays, sizes, strict=True))
    assert stacked.distance.dtype == torch.float32
    assert stacked.row_mask.dtype == stacked.col_mask.dtype == torch.bool
    assert len(stacked.distance) == len(arrays)
    for array, distance, rows, columns in zip(arrays, *stacked.problems, strict=True):
        n = 0 if array.size == 0 and array.shape[0] == 0 else array.shape[0]
        assert rows.tolist() == [row < n for row in range(len(rows))]
        if array.shape[0]:  # a list without rows says nothing of columns
            assert columns.tolist() == [column < array.shape[1] for column in range(len(columns))]
        np.testing.assert_array_equal(distance[rows][:, columns], array.astype(np.float32)[:, : int(columns.sum())])
        assert not distance[~rows].any()
        assert not distance[:, ~columns].any()


def test_a_model_answers_each_matrix_as_it_does_alone() -> None:
    rng = np.random.default_rng(1)
    matrices = [rng.random(size) for size in ((2, 3), (4, 1), (3, 3))]
    model = hnetzoo.load_model("hungarian")
    together = hnetzoo.decode(model(*(stacked := hnetzoo.stack(matrices)).problems), stacked.row_mask, stacked.col_mask)
    for matrix, found in zip(matrices, together, strict=True):
        alone = hnetzoo.decode(model(torch.from_numpy(matrix)[None]))[0]
        assert torch.equal(found[: matrix.shape[0], : matrix.shape[1]], alone)
        assert found.sum() == alone.sum()


def test_gradients_pass_to_the_matrices() -> None:
    matrices = [torch.rand(2, 2, requires_grad=True), torch.rand(1, 3, requires_grad=True)]
    hnetzoo.stack(matrices).distance.square().sum().backward()
    for matrix in matrices:
        torch.testing.assert_close(matrix.grad, 2 * matrix.detach())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([1.0, 2.0], r"matrix 1 is float64 \[2\]; give a list of matrices of numbers, each \[n, m\]"),
        (np.zeros((1, 2, 2)), r"matrix 1 is float64 \[1, 2, 2\]"),
        ("text", "matrix 1 is <U4"),
        ([["a"]], "matrix 1 is <U1"),
        ([[1.0], [1.0, 2.0]], "matrix 1 is object"),
        (np.zeros((1, 1), dtype=complex), "matrix 1 is complex128"),
        (torch.zeros(1, 1, dtype=torch.complex64), "matrix 1 is complex64"),
        ([[float("nan")]], "matrix 1 has a NaN; correct it"),
        ([[1e300]], "matrix 1 has numbers beyond float32"),
        (torch.tensor([[1e300]], dtype=torch.float64), "matrix 1 has numbers beyond float32"),
    ],
)
def test_what_is_no_matrix_of_distances_is_refused_with_its_place(wrong: Any, said: str) -> None:
    with pytest.raises(hnetzoo.DataError, match=said):
        hnetzoo.stack([[[0.5]], wrong])


def test_infinite_distances_stay_as_forbidden_pairs() -> None:
    assert hnetzoo.stack([[[float("inf"), 1.0]]]).distance.tolist() == [[[float("inf"), 1.0]]]
