"""Dataset lsap: linear assignment problems of mixed sizes."""

from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment

import hnetzoo

COSTS = ("uniform", "gaussian", "clustered", "directions")
FORMS = ("square", "rectangular")


def load(split: hnetzoo.Split = "train", seed: int = 0, **settings: object) -> hnetzoo.AssociationBatch:
    return hnetzoo.load_dataset("lsap", **{"samples": 300, **settings}).load(split, seed)


@pytest.mark.parametrize(("costs", "form"), list(product(COSTS, FORMS)))
def test_truth_is_the_optimum_of_existing_slots(costs: str, form: str) -> None:
    batch = load(costs=costs, form=form, min_size=0, max_size=7)
    for distance, truth, rows, columns in zip(*batch.tensors.values(), strict=True):
        block = distance[rows][:, columns].double().numpy()
        best = block[linear_sum_assignment(block)].sum()
        assert truth.sum() == truth[rows][:, columns].sum() == min(block.shape)
        assert distance[truth].double().sum().item() == pytest.approx(best, abs=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_sizes_are_uniform_between_the_smallest_and_the_largest(form: str) -> None:
    batch = load(samples=40_000, min_size=1, max_size=4, form=form)
    n, m = batch.row_mask.sum(1), batch.col_mask.sum(1)
    for sizes in (n, m):
        shares = torch.bincount(sizes, minlength=5) / len(sizes)
        torch.testing.assert_close(shares, torch.tensor([0.0, 0.25, 0.25, 0.25, 0.25]), atol=0.01, rtol=0)
    assert (n == m).float().mean() == pytest.approx(1.0 if form == "square" else 0.25, abs=0.01)


def test_equal_bounds_give_one_size_without_padding() -> None:
    batch = load(min_size=6, max_size=6)
    assert batch.cells.all()
    assert batch.distance.shape == (300, 6, 6)


def test_uniform_costs_fill_the_unit_interval() -> None:
    costs = load(costs="uniform", samples=2000).distance.numpy()
    np.testing.assert_allclose(np.histogram(costs, bins=10, range=(0, 1))[0] / costs.size, 0.1, atol=0.005)


def test_gaussian_costs_have_mean_zero_and_deviation_one() -> None:
    costs = load(costs="gaussian", samples=2000).distance
    assert costs.mean().item() == pytest.approx(0, abs=0.01)
    assert costs.std().item() == pytest.approx(1, abs=0.01)


def test_chords_of_random_directions_have_uniform_squares() -> None:
    """Heights on the sphere are uniform (Archimedes), and the squared chord is 2 - 2 cos."""
    squares = load(costs="directions", samples=4000).distance.square().numpy()
    np.testing.assert_allclose(np.histogram(squares, bins=8, range=(0, 4))[0] / squares.size, 1 / 8, atol=0.005)


def test_clustered_costs_are_small_only_inside_a_cluster() -> None:
    batch = load(costs="clustered", clusters=2, spread=1e-4, min_size=8, samples=2000)
    near = batch.distance < 2e-3
    # Rows and columns choose among two distant centres: half of the pairs have the same.
    assert near.float().mean() == pytest.approx(0.5, abs=0.02)
    one_cluster = load(costs="clustered", clusters=1, spread=0.01, samples=2000).distance
    # The distance of two points of one cluster has a Rayleigh distribution of scale sqrt(2) spread.
    assert one_cluster.mean().item() == pytest.approx(0.01 * np.sqrt(np.pi), rel=0.02)


@pytest.mark.parametrize("costs", COSTS)
def test_same_seed_same_data_and_splits_differ(costs: str) -> None:
    first, again = load("test", 3, costs=costs), load("test", 3, costs=costs)
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not torch.equal(first.distance, load("test", 4, costs=costs).distance)
    assert not torch.equal(first.distance, load("validation", 3, costs=costs).distance)


def test_evaluation_splits_are_a_tenth_and_never_empty() -> None:
    assert [len(load(split, samples=50).distance) for split in ("train", "validation", "test")] == [50, 5, 5]
    assert len(load("test", samples=3).distance) == 1


def test_unit_follows_the_costs() -> None:
    units = [hnetzoo.load_dataset("lsap", costs=costs).unit for costs in COSTS]
    assert units == ["cost", "cost", "sides of the unit square", "chord"]


def test_largest_size_below_the_smallest_is_refused() -> None:
    with pytest.raises(hnetzoo.ConfigError, match="min_size is 9 and must not exceed max_size, 8"):
        hnetzoo.load_dataset("lsap", min_size=9)
