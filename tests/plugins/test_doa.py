"""The DOA datasets against their protocols."""

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

import hnetzoo
from hnetzoo_doa.config import DOAConfig, DOAReferenceConfig
from hnetzoo_doa.datasets import DOA, DOAReference, _without_replacement
from hnetzoo_doa.geometry import PIECE, chordal_distance, grid_directions, perturb, uniform_directions
from hnetzoo_doa.points import permutations as slot_orders

SMALL = DOAReferenceConfig(samples=(40, 60, 100))


@pytest.fixture(scope="module")
def reference_train() -> hnetzoo.AssociationBatch:
    return DOAReference(DOAReferenceConfig()).load("train", seed=0)


def test_training_split_has_405000_problems_and_evaluation_a_tenth(reference_train: hnetzoo.AssociationBatch) -> None:
    dataset = DOAReference(DOAReferenceConfig())
    assert len(reference_train.distance) == 405_000
    assert [len(dataset.load(split, 0).distance) for split in ("validation", "test")] == [40_500, 40_500]


def test_label_shares_are_the_published_ones(reference_train: hnetzoo.AssociationBatch) -> None:
    shares = hnetzoo.label_shares(reference_train).flatten().numpy()
    np.testing.assert_allclose(shares, [0.305, 0.250, 0.250, 0.194], atol=0.005)


def test_every_slot_exists(reference_train: hnetzoo.AssociationBatch) -> None:
    assert reference_train.row_mask.all()
    assert reference_train.col_mask.all()


def test_one_axis_is_permuted_but_never_both() -> None:
    rows, columns = DOAReference(DOAReferenceConfig()).load("train", seed=0).activity
    moved_rows, moved_columns = (_out_of_order(active) for active in (rows, columns))
    assert not (moved_rows & moved_columns).any()
    one_of_two = (rows.sum(1) == 1, columns.sum(1) == 1)
    for moved, movable in zip((moved_rows, moved_columns), one_of_two, strict=True):
        # Half of the problems permute the rows, and half of the permutations of two slots move the only active one.
        assert moved[movable].float().mean() == pytest.approx(0.25, abs=0.01)


def _out_of_order(active: torch.Tensor) -> torch.Tensor:
    return (active.int().diff(dim=1) > 0).any(1)


def test_half_of_the_pads_are_constant_and_half_random() -> None:
    dataset = DOAReference(DOAReferenceConfig())
    points = dataset.draw("test", 0)
    single = points.row_active.sum(1) == 1
    pads = points.reference[single][~points.row_active[single]]
    constant = (pads == 10).all(-1)
    assert constant.mean() == pytest.approx(0.5, abs=0.02)
    random = pads[~constant]
    assert (np.abs(random) > 1).all()
    assert np.abs(random).max() <= 100
    # One coordinate in a hundred is in [-1, 1], and is then replaced by 10.
    assert (random == 10).mean() == pytest.approx(0.01, abs=0.003)


def test_both_sides_of_a_problem_share_the_kind_of_pad() -> None:
    points = DOAReference(DOAReferenceConfig()).draw("test", 0)
    empty = (points.row_active.sum(1) == 0) & (points.col_active.sum(1) == 0)
    constant = [(side[empty] == 10).all((1, 2)) for side in (points.reference, points.predicted)]
    np.testing.assert_array_equal(*constant)


def test_active_slots_are_directions_on_the_grid_drawn_without_replacement() -> None:
    config = DOAReferenceConfig(samples=(0, 0, 400), resolutions_deg=(30,))
    points = DOAReference(config).draw("train", 0)
    for side in (points.reference, points.predicted):
        elevation = np.rad2deg(np.arcsin(side[..., 2].clip(-1, 1)))
        np.testing.assert_allclose(np.linalg.norm(side, axis=-1), 1)
        np.testing.assert_allclose(elevation / 30, np.round(elevation / 30), atol=1e-6)
        assert (np.abs(elevation[:, 0] - elevation[:, 1]) > 1).all()


def test_draws_without_replacement_are_uniform_over_ordered_choices() -> None:
    drawn = _without_replacement(np.random.default_rng(0), np.full(60_000, 4), 3)
    chosen, counts = np.unique(drawn, axis=0, return_counts=True)
    assert {tuple(row) for row in chosen.tolist()} == set(permutations(range(4), 3))
    np.testing.assert_allclose(counts / len(drawn), 1 / 24, atol=0.004)


@pytest.mark.parametrize(
    "dataset", [DOAReference(SMALL), DOA(DOAConfig(samples=1500)), DOA(DOAConfig(samples=300, max_doas=6))]
)
def test_truth_is_the_optimum_of_the_active_block(dataset: DOAReference | DOA) -> None:
    batch = dataset.load("train", seed=1)
    rows, columns = dataset.load("train", seed=1).activity
    for distance, truth, row, column in zip(batch.distance, batch.association, rows, columns, strict=True):
        block = distance[row][:, column].double().numpy()
        best = block[linear_sum_assignment(block)].sum()
        assert truth[row][:, column].sum() == min(block.shape)
        assert truth.sum() == min(block.shape)
        assert distance[truth].double().sum().item() == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("name", ["doa", "doa-reference"])
def test_same_seed_same_data_and_splits_differ(name: str) -> None:
    dataset = hnetzoo.load_dataset(name, samples=[20, 20, 20] if name == "doa-reference" else 1000)
    first, again = dataset.load("test", 3), dataset.load("test", 3)
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not torch.equal(first.distance, dataset.load("test", 4).distance)
    assert not torch.equal(first.distance, dataset.load("validation", 3).distance)


def test_protocol_that_cannot_draw_enough_angles_is_refused() -> None:
    with pytest.raises(hnetzoo.ConfigError, match="has only 7 at 30 degrees; use max_doas <= 7 or finer"):
        hnetzoo.load_dataset("doa-reference", max_doas=8)


def test_larger_problems_reuse_the_last_sample_count() -> None:
    batch = DOAReference(DOAReferenceConfig(max_doas=3, samples=(10, 20), resolutions_deg=(5,))).load("train", 0)
    assert len(batch.distance) == 7 * 10 + 9 * 20


def test_distances_between_directions_are_at_most_two() -> None:
    batch = DOA(DOAConfig(samples=2000, counts="known")).load("train", 0)
    assert batch.distance[batch.cells].max() <= 2


def test_known_counts_mask_inactive_slots() -> None:
    dataset = DOA(DOAConfig(samples=500, counts="known"))
    batch = dataset.load("train", 0)
    rows, columns = dataset.load("train", 0).activity
    assert torch.equal(batch.row_mask, rows)
    assert torch.equal(batch.col_mask, columns)


def test_hidden_counts_put_inactive_slots_farther_than_any_pair() -> None:
    dataset = DOA(DOAConfig(samples=2000))
    batch = dataset.load("train", 0)
    rows, columns = dataset.load("train", 0).activity
    half_active = rows.unsqueeze(2) ^ columns.unsqueeze(1)
    assert batch.distance[half_active].min() >= 9
    assert batch.row_mask.all()


def test_counts_are_uniform_and_both_axes_permuted() -> None:
    rows, columns = DOA(DOAConfig(samples=40_000)).load("train", 0).activity
    for active in (rows, columns):
        shares = torch.bincount(active.sum(1)) / len(active)
        torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.01, rtol=0)
    lone = (rows.sum(1) == 1) & (columns.sum(1) == 1)
    slots = rows[lone].int().argmax(1) * 2 + columns[lone].int().argmax(1)
    torch.testing.assert_close(torch.bincount(slots) / lone.sum(), torch.full((4,), 0.25), atol=0.02, rtol=0)


def test_noise_zero_share_of_misses_keeps_predictions_near_their_references() -> None:
    config = DOAConfig(samples=4000, independent=0, miss_rate=0, noise_deg=(1.0, 1.0), counts="known")
    batch = DOA(config).load("train", 0)
    matched = batch.distance[batch.association]
    # Two tangent axes of 1 degree: the mean angle is sqrt(pi / 2) degrees.
    assert np.rad2deg(matched.mean().item()) == pytest.approx(np.sqrt(np.pi / 2), rel=0.1)


def test_perturbation_has_the_stated_spread() -> None:
    rng = np.random.default_rng(0)
    directions = uniform_directions(rng, 20_000)
    turned = perturb(rng, directions, np.full(20_000, 5.0))
    np.testing.assert_allclose(np.linalg.norm(turned, axis=-1), 1)
    angle = np.rad2deg(np.arccos((directions * turned).sum(-1).clip(-1, 1)))
    assert np.sqrt((angle**2).mean()) == pytest.approx(5 * np.sqrt(2), rel=0.02)


def test_directions_are_uniform_in_height() -> None:
    heights = uniform_directions(np.random.default_rng(0), 50_000)[:, 2]
    np.testing.assert_allclose(np.histogram(heights, bins=10, range=(-1, 1))[0] / 50_000, 0.1, atol=0.01)


def test_chordal_distance_of_a_right_angle_is_root_two() -> None:
    points = grid_directions(np.array([0, 90, 180]), np.zeros(3, dtype=int))
    expected = [[0, np.sqrt(2), 2], [np.sqrt(2), 0, np.sqrt(2)], [2, np.sqrt(2), 0]]
    np.testing.assert_allclose(chordal_distance(points, points), expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(3,), (0, 2), (1, 0), (PIECE, 2), (PIECE + 1, 2), (2, 3, 4)])
def test_chordal_distances_of_any_number_of_problems_are_those_of_scipy(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    reference, predicted = rng.normal(size=(*shape, 3)), rng.normal(size=(*shape[:-1], 2, 3))
    found = chordal_distance(reference, predicted)
    assert found.shape == (*shape, 2)
    for place in np.ndindex(*shape[:-1]):
        np.testing.assert_allclose(found[place], cdist(reference[place], predicted[place]), atol=1e-12)


@pytest.mark.parametrize("slots", [1, 2, 3])
def test_every_order_of_the_slots_is_equally_likely(slots: int) -> None:
    orders, counts = np.unique(slot_orders(np.random.default_rng(0), 60_000, slots), axis=0, return_counts=True)
    assert orders.tolist() == [list(order) for order in permutations(range(slots))]
    np.testing.assert_allclose(counts * len(orders) / 60_000, 1, atol=0.05)


def test_directions_of_whole_degrees_are_where_their_angles_say() -> None:
    azimuth, elevation = np.meshgrid(np.arange(-180, 181, 7), np.arange(-90, 91, 6))
    points = grid_directions(azimuth, elevation)
    turned = np.exp(1j * np.deg2rad(azimuth)) * np.cos(np.deg2rad(elevation))
    np.testing.assert_allclose(points[..., 0] + 1j * points[..., 1], turned, atol=1e-12)
    np.testing.assert_allclose(np.arcsin(points[..., 2]), np.deg2rad(elevation), atol=1e-7)
