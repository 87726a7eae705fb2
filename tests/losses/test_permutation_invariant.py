"""The permutation-invariant loss against brute force over permutations."""

from itertools import permutations, product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from hnetzoo import DataError, ShapeError
from hnetzoo.losses import PermutationInvariantLoss, chordal_distance, squared_euclidean_distance

SIZES = [(n, m) for n, m in product(range(7), repeat=2) if n == m or {n, m} in ({0, 2}, {2, 3}, {1, 6}, {4, 6})]


def brute_force(distance: np.ndarray, rows: np.ndarray, columns: np.ndarray, unmatched_cost: float) -> float:
    """Return the loss over the best permutation of every frame: [t, n, m], [t, n], [t, m]."""
    total = 0.0
    for frame in range(len(distance)):
        problem = distance[frame][rows[frame]][:, columns[frame]]
        problem = problem if problem.shape[0] <= problem.shape[1] else problem.T
        few, many = problem.shape
        sums = [sum(problem[i, j] for i, j in enumerate(order)) for order in permutations(range(many), few)]
        total += min(sums) + unmatched_cost * (many - few)
    return total / max(1, rows.sum())


@pytest.mark.parametrize("unmatched_cost", [0.0, 0.7])
@pytest.mark.parametrize(("n", "m"), SIZES)
def test_agrees_with_brute_force(n: int, m: int, unmatched_cost: float, generator: torch.Generator) -> None:
    distance = torch.rand(1, 5, n, m, generator=generator, dtype=torch.float64)
    masks = [torch.rand(1, 5, size, generator=generator) < 0.8 for size in (n, m)]
    loss = PermutationInvariantLoss(unmatched_cost=unmatched_cost)
    for rows, columns in (masks, [torch.ones_like(mask) for mask in masks]):
        hidden = distance.masked_fill(~(rows.unsqueeze(3) & columns.unsqueeze(2)), torch.nan)
        expected = brute_force(distance[0].numpy(), rows[0].numpy(), columns[0].numpy(), unmatched_cost)
        assert sum(loss.terms(hidden, rows, columns).values()).item() == pytest.approx(expected)


def points(b: int, t: int, n: int, m: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    references = torch.randn(b, t, n, 3, generator=generator, dtype=torch.float64)
    predictions = torch.randn(b, t, m, 3, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(references, dim=-1), predictions.requires_grad_()


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (2, 3), (3, 2), (10, 10)])
@pytest.mark.parametrize("metric", [squared_euclidean_distance, chordal_distance])
def test_gradients_are_right(n: int, m: int, metric, generator: torch.Generator) -> None:
    references, predictions = points(1, 2, n, m, generator)
    mask = torch.ones(1, 2, n, dtype=torch.bool)
    mask[0, 1, 0] = False
    assert gradcheck(lambda x: PermutationInvariantLoss(metric)(references, x, mask), predictions)


def test_the_gradient_reaches_chosen_pairs_and_nothing_else() -> None:
    references = torch.tensor([[[[0.0], [10.0]]]])
    predictions = torch.tensor([[[[9.0], [2.0], [50.0]]]], requires_grad=True)
    PermutationInvariantLoss(unmatched_cost=3.0)(references, predictions).backward()
    assert predictions.grad.flatten().tolist() == [-1.0, 2.0, 0.0]  # 2 (prediction - reference) / 2 references


def test_the_order_of_slots_does_not_matter(generator: torch.Generator) -> None:
    references, predictions = points(3, 4, 5, 5, generator)
    loss = PermutationInvariantLoss()
    torch.testing.assert_close(loss(references, predictions), loss(references, predictions.flip(2)))


@pytest.mark.parametrize("shape", [(0, 3, 2, 2), (2, 0, 2, 2), (2, 3, 0, 2), (2, 3, 2, 0), (2, 3, 0, 0)])
def test_without_pairs_the_loss_is_the_unmatched_cost(shape: tuple[int, ...], generator: torch.Generator) -> None:
    b, t, n, m = shape
    references, predictions = points(*shape, generator)
    loss = PermutationInvariantLoss(unmatched_cost=0.5)(references, predictions)
    loss.backward()
    assert loss.item() == 0.5 * b * t * abs(n - m) / max(1, b * t * n)
    assert predictions.grad.isfinite().all()


def test_empty_frames_and_coincident_points_have_finite_gradients(generator: torch.Generator) -> None:
    references, predictions = points(1, 3, 2, 2, generator)
    predictions.data[0, 0] = references[0, 0]
    mask = torch.tensor([[[True, True], [False, False], [True, False]]])
    PermutationInvariantLoss(chordal_distance)(references, predictions, mask).backward()
    assert predictions.grad.isfinite().all()
    assert not predictions.grad[0, :2].any()
    assert predictions.grad[0, 2].any(-1).sum() == 1


def test_one_pairing_per_sequence_comes_from_summed_distances() -> None:
    distance = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 5.0], [5.0, 0.0]]]).unsqueeze(0)
    loss = PermutationInvariantLoss()
    assert loss.terms(distance)["distance"].item() == 0.0
    assert loss.terms(distance.sum(1, keepdim=True))["distance"].item() == 1.0  # 2 / 2 references


def test_a_given_association_is_used_unchanged() -> None:
    loss, distance = PermutationInvariantLoss(unmatched_cost=4.0), torch.tensor([[[[1.0, 2.0]]]])
    chosen = loss.associate(distance)
    assert loss.terms(distance, association=chosen) == loss.terms(distance)
    assert loss.terms(distance, association=~chosen)["distance"].item() == 2.0
    with pytest.raises(ShapeError, match=r"^association is torch.float32; it must be bool"):
        loss.terms(distance, association=chosen.float())


def test_wrong_arguments_are_named() -> None:
    references, predictions = torch.zeros(1, 2, 1, 3), torch.zeros(1, 2, 1, 3)
    predictions[0, 1] = torch.nan
    with pytest.raises(DataError, match=r"^distance is nan at problem 1, row 0, column 0"):
        PermutationInvariantLoss()(references, predictions)
    with pytest.raises(ShapeError, match=r"^expected sequences \[b, t, n, m\]"):
        PermutationInvariantLoss()(torch.zeros(2, 1, 3), torch.zeros(2, 1, 3))
