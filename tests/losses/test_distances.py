"""Distances against numpy in float64, and gradients where distances are not differentiable."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from hnetzoo import ShapeError
from hnetzoo.losses import chordal_distance, great_circle_distance, polar_distance, squared_euclidean_distance
from hnetzoo.losses.distances import Metric, masked_distance

METRICS = (chordal_distance, great_circle_distance, polar_distance, squared_euclidean_distance)
X, Y = torch.eye(3, dtype=torch.float64)[:2]


def numpy_distance(metric: Metric, reference: Tensor, prediction: Tensor) -> np.ndarray:
    """Return the distances by their definitions, pair by pair."""
    answer = np.zeros((*reference.shape[:-1], prediction.shape[-2]))
    for place in np.ndindex(answer.shape):
        a, b = reference[place[:-1]].numpy(), prediction[(*place[:-2], place[-1])].numpy()
        if metric in (great_circle_distance, polar_distance):
            answer[place] = np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))
            if metric is polar_distance:
                answer[place] += abs(np.linalg.norm(b) / np.linalg.norm(a) - 1)
        else:
            answer[place] = np.linalg.norm(a - b) ** (2 if metric is squared_euclidean_distance else 1)
    return answer


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("n", "m"), [(2, 3), (1, 1), (0, 2), (2, 0), (10, 10)])
def test_distances_follow_their_definitions(metric: Metric, n: int, m: int, generator: torch.Generator) -> None:
    reference = torch.randn(2, 4, n, 3, generator=generator, dtype=torch.float64)
    prediction = torch.randn(2, 4, m, 3, generator=generator, dtype=torch.float64)
    distance = metric(reference, prediction)
    assert distance.shape == (2, 4, n, m)
    np.testing.assert_allclose(distance.numpy(), numpy_distance(metric, reference, prediction), rtol=1e-7)


@pytest.mark.parametrize("metric", METRICS)
def test_gradients_are_right(metric: Metric, generator: torch.Generator) -> None:
    points = [torch.randn(2, size, 3, generator=generator, dtype=torch.float64, requires_grad=True) for size in (2, 3)]
    assert gradcheck(metric, points)


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled")
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("prediction", [X, -X, 0 * X, X + 1e-200, -X + 1e-9 * Y])
@pytest.mark.parametrize("reference", [X, 0 * X])
def test_gradients_are_finite_where_points_coincide_or_oppose(
    metric: Metric, prediction: Tensor, reference: Tensor
) -> None:
    points = [point.clone().view(1, 3).requires_grad_() for point in (reference, prediction)]
    with torch.autograd.detect_anomaly():
        metric(*points).sum().backward()
    assert all(point.grad.isfinite().all() for point in points)


@pytest.mark.parametrize("metric", METRICS)
def test_a_distance_is_zero_only_between_equal_points(metric: Metric) -> None:
    assert metric(X.view(1, 3), torch.stack((X, Y))).flatten().gt(0).tolist() == [False, True]


def test_angles_are_accurate_where_the_arccosine_is_not() -> None:
    angles = torch.tensor([1e-9, 1e-4, torch.pi / 2, torch.pi - 1e-9, torch.pi], dtype=torch.float64)
    directions = angles.cos().unsqueeze(1) * X + angles.sin().unsqueeze(1) * Y
    torch.testing.assert_close(great_circle_distance(X.view(1, 3), directions)[0], angles, rtol=1e-9, atol=0)


def test_an_angle_has_unit_gradient_right_up_to_the_kinks() -> None:
    angle = torch.tensor([1e-6, 1.0, torch.pi - 1e-6], dtype=torch.float64, requires_grad=True)
    directions = angle.cos().unsqueeze(1) * X + angle.sin().unsqueeze(1) * Y
    great_circle_distance(X.view(1, 3), directions).sum().backward()
    torch.testing.assert_close(angle.grad, torch.ones(3, dtype=torch.float64), rtol=1e-6, atol=0)


def test_an_angle_does_not_depend_on_lengths() -> None:
    distance = great_circle_distance(3 * X.view(1, 3), torch.stack((X, 0.01 * Y)))
    torch.testing.assert_close(distance, torch.tensor([[0, torch.pi / 2]], dtype=torch.float64))


def test_a_source_distance_costs_its_relative_error() -> None:
    source, estimates = 4 * X.view(1, 3), torch.stack((5 * X, 2 * X, 4 * Y, 8 * Y))
    error = partial(polar_distance, weight=0.5)(source, estimates) - torch.tensor([0, 0, torch.pi / 2, torch.pi / 2])
    assert error.flatten().tolist() == pytest.approx([0.125, 0.25, 0.0, 0.5], abs=1e-6)


@pytest.mark.parametrize("metric", METRICS)
def test_points_outside_the_masks_are_never_read(metric: Metric, generator: torch.Generator) -> None:
    reference, prediction = (torch.randn(2, 3, 3, generator=generator) for _ in range(2))
    rows, columns = torch.tensor([[True, False, True]] * 2), torch.tensor([[False, True, True]] * 2)
    hidden = (
        reference.masked_fill(~rows.unsqueeze(2), torch.nan),
        prediction.masked_fill(~columns.unsqueeze(2), torch.nan),
    )
    points = [point.requires_grad_() for point in hidden]
    distance = masked_distance(metric, *points, rows, columns)
    distance.sum().backward()
    valid = rows.unsqueeze(2) & columns.unsqueeze(1)
    torch.testing.assert_close(distance[valid], metric(reference, prediction)[valid])
    for point, mask in zip(points, (rows, columns), strict=True):
        assert point.grad.isfinite().all()
        assert not point.grad[~mask].any()


@pytest.mark.parametrize(("first", "second"), [((2, 3), (2, 4)), ((1, 2, 3), (2, 2, 3)), ((3,), (2, 3))])
@pytest.mark.parametrize("metric", METRICS)
def test_points_that_do_not_fit_are_named(metric: Metric, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"they need the shapes \[\.\.\., n, k\] and \[\.\.\., m, k\]"):
        metric(torch.rand(first), torch.rand(second))


def test_a_mask_that_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"^prediction_mask is bool \[2\]; points \[3, 3\] need bool \[3\]$"):
        masked_distance(chordal_distance, torch.rand(2, 3), torch.rand(3, 3), None, torch.ones(2, dtype=torch.bool))
