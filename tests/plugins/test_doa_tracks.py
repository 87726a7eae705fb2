"""Dataset doa-tracks: the truth is identity, and the Bayes gate agrees with its derivation."""

from typing import Any

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo_doa.config import DOATracksConfig
from hnetzoo_doa.gate import bayes_gate, clutter_density, pair_density
from hnetzoo_doa.geometry import chordal_distance, turn, uniform_directions
from hnetzoo_doa.tracks import DOATracks

MOTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "own-speeds": {"speeds": "source", "speed_deg": (2, 4)},
    "accelerated": {"acceleration_deg": (-0.5, 0.5), "speeds": "source"},
    "random-walk": {"motion": "random-walk", "speed_deg": (0, 10)},
    "still": {"speed_deg": (0, 0), "noise_deg": 10},
    "past-the-pole": {"speed_deg": (0, 40), "noise_deg": 1},
}


def tracks(**settings: Any) -> DOATracks:
    return DOATracks(DOATracksConfig(**{"samples": 20_000, **settings}))


def f1(found: torch.Tensor, truth: torch.Tensor) -> float:
    return (2 * (found & truth).sum() / (found.sum() + truth.sum())).item()


def test_still_sources_with_little_noise_are_found_where_they_were() -> None:
    batch = tracks(speed_deg=(0, 0), noise_deg=0.1, clutter_rate=0).load("train", 0)
    assert batch.distance[batch.association].max() < 0.02
    assert ((batch.distance < 0.02) & batch.cells & ~batch.association).float().mean() < 2e-4


@pytest.mark.parametrize("motion", MOTIONS)
def test_sources_are_displaced_by_motion_and_noise(motion: str) -> None:
    """The mean cosine of the angle is the product of the first Legendre coefficients of all turns."""
    dataset = tracks(**MOTIONS[motion])
    config = dataset.config
    batch = dataset.load("train", 0)
    cosines = 1 - batch.distance[batch.association].double().square() / 2
    rng = np.random.default_rng(0)
    angle = rng.rayleigh(np.deg2rad(config.noise_deg), 100_000)
    speed = rng.uniform(*np.deg2rad(config.speed_deg), 100_000)
    acceleration = rng.uniform(*np.deg2rad(config.acceleration_deg), 100_000)
    moved = speed * config.steps + acceleration * config.steps**2 / 2
    motion_mean = np.cos(speed) ** config.steps if config.motion == "random-walk" else np.cos(moved)
    expected = np.cos(angle).mean() ** 2 * motion_mean.mean()
    assert cosines.mean().item() == pytest.approx(expected, abs=0.02)


def test_great_circle_motion_covers_speed_times_steps() -> None:
    batch = tracks(speed_deg=(3, 3), noise_deg=0.1, steps=7).load("train", 0)
    moved = 2 * torch.asin(batch.distance[batch.association].double() / 2).rad2deg()
    assert moved.mean().item() == pytest.approx(21, abs=0.05)
    assert moved.std().item() < 0.2


@pytest.mark.parametrize(("speeds", "shared"), [("scene", True), ("source", False)])
def test_speed_belongs_to_the_scene_or_to_the_source(speeds: str, shared: bool) -> None:
    batch = tracks(max_doas=2, speeds=speeds, noise_deg=0.1, miss_rate=0).load("train", 0)
    both = batch.association.sum((1, 2)) == 2
    first, second = batch.distance[both][batch.association[both]].reshape(-1, 2).T
    correlation = torch.corrcoef(torch.stack((first, second)))[0, 1].item()
    assert correlation == pytest.approx(1.0 if shared else 0.0, abs=0.03)


def test_counts_misses_and_clutter_follow_their_rates() -> None:
    slots, miss_rate, clutter_rate = 3, 0.25, 0.4
    batch = tracks(max_doas=slots, miss_rate=miss_rate, clutter_rate=clutter_rate).load("train", 0)
    n_ref, n_pred, pairs = batch.row_mask.sum(1), batch.col_mask.sum(1), batch.association.sum((1, 2))
    torch.testing.assert_close(torch.bincount(n_ref) / len(n_ref), torch.full((4,), 0.25), atol=0.02, rtol=0)
    assert (pairs.sum() / n_ref.sum()).item() == pytest.approx(1 - miss_rate, abs=0.01)
    assert ((n_pred - pairs).sum() / (slots - pairs).sum()).item() == pytest.approx(clutter_rate, abs=0.01)


def test_both_axes_are_permuted() -> None:
    batch = tracks(max_doas=2).load("train", 0)
    lone = (batch.row_mask.sum(1) == 1) & (batch.association.sum((1, 2)) == 1)
    places = batch.association[lone].flatten(1).int().argmax(1)
    torch.testing.assert_close(torch.bincount(places) / lone.sum(), torch.full((4,), 0.25), atol=0.02, rtol=0)


def test_hidden_counts_give_the_same_problems_with_far_points() -> None:
    known, hidden = tracks().load("train", 5), tracks(counts="hidden").load("train", 5)
    assert hidden.cells.all()
    assert torch.equal(known.distance, hidden.distance)
    half_active = known.row_mask.unsqueeze(2) ^ known.col_mask.unsqueeze(1)
    assert hidden.distance[half_active].min() >= 9
    assert known.distance[known.cells].max() <= 2
    for seen, mask in zip(tracks().load("train", 5).activity, (known.row_mask, known.col_mask), strict=True):
        assert torch.equal(seen, mask)


def test_identity_is_not_the_optimum_with_any_gate() -> None:
    dataset = tracks()
    batch = dataset.load("train", 0)
    masks = batch.row_mask, batch.col_mask
    plain = hnetzoo.assign(batch.distance, *masks)
    gates = np.arange(0.1, 2.0, 0.1)
    gated = [f1(hnetzoo.assign(batch.distance, *masks, gate=gate), batch.association) for gate in gates]
    differs = (plain != batch.association).flatten(1).any(1).float().mean().item()
    assert differs == pytest.approx(0.26, abs=0.02)
    assert f1(plain, batch.association) == pytest.approx(0.83, abs=0.02)
    assert max(gated) == pytest.approx(0.87, abs=0.02)


@pytest.mark.parametrize("motion", MOTIONS)
def test_density_of_true_pairs_agrees_with_the_draws(motion: str) -> None:
    dataset = tracks(**MOTIONS[motion])
    batch = dataset.load("train", 0)
    drawn = np.sort(2 * np.arcsin(batch.distance[batch.association].double().numpy().clip(0, 2) / 2))
    angle = np.linspace(0, np.pi, 20_001)
    mass = pair_density(dataset.config, angle) * np.sin(angle) / 2  # 4 pi p, and a ring has the length 2 pi sin(angle)
    cumulated = np.concatenate(([0], np.cumsum((mass[1:] + mass[:-1]) / 2 * np.diff(angle))))
    assert cumulated[-1] == pytest.approx(1, abs=1e-4)
    distance = np.abs(np.interp(drawn, angle, cumulated) - np.arange(1, len(drawn) + 1) / len(drawn)).max()
    # The sources of a scene are dependent, so the Kolmogorov-Smirnov bound at 1e-4 is for the number of scenes.
    assert distance < 2.2 / np.sqrt(len(batch.distance) / 2)


def test_density_of_false_alarms_near_a_missed_source_is_the_derived_one() -> None:
    """They are counted around references whose source was missed, relative to those whose source was detected."""
    dataset = tracks(max_doas=3, miss_rate=0.3, clutter_rate=0.5, samples=50_000)
    batch = dataset.load("train", 0)
    missed = batch.row_mask & ~batch.association.any(2)
    false_alarms = (batch.col_mask & ~batch.association.any(1)).sum(1)
    found = (missed.sum(1) * false_alarms).sum() / batch.association.sum()
    assert found.item() == pytest.approx(clutter_density(dataset.config), rel=0.02)


@pytest.mark.parametrize("motion", ["default", "own-speeds", "random-walk", "still"])
def test_bayes_gate_is_near_the_best_gate(motion: str) -> None:
    dataset = tracks(**MOTIONS[motion])
    batch = dataset.load("train", 0)

    def score(gate: float) -> float:
        return f1(hnetzoo.assign(batch.distance, batch.row_mask, batch.col_mask, gate=gate), batch.association)

    assert score(dataset.gate) > max(score(gate) for gate in np.arange(0.1, 2.0, 0.1)) - 0.004


def test_gate_is_the_largest_chord_at_which_a_pair_is_as_likely_true_as_not() -> None:
    config = DOATracksConfig()
    angle = 2 * np.arcsin(bayes_gate(config) / 2)
    inside, outside = pair_density(config, np.array([angle, angle + 0.01]))
    assert inside == pytest.approx(clutter_density(config), rel=0.02)
    assert outside < clutter_density(config)


def test_flat_sphere_formula_holds_for_still_sources_in_little_noise() -> None:
    """Two noises make a Gaussian of variance v per axis: 4 pi p = 2 / v exp(-t^2 / 2 v), solved for t."""
    config = DOATracksConfig(speed_deg=(0, 0), noise_deg=1)
    variance = 2 * np.deg2rad(1) ** 2
    angle = np.sqrt(2 * variance * np.log(2 / (variance * clutter_density(config))))
    assert bayes_gate(config) == pytest.approx(2 * np.sin(angle / 2), rel=0.01)


def test_gate_is_2_without_clutter_or_misses_and_0_without_detections() -> None:
    assert bayes_gate(DOATracksConfig(clutter_rate=0)) == 2
    assert bayes_gate(DOATracksConfig(miss_rate=0)) == 2
    assert bayes_gate(DOATracksConfig(miss_rate=1)) == 0


def test_turns_cover_their_angle_with_uniform_headings() -> None:
    rng = np.random.default_rng(0)
    start = uniform_directions(rng, 1)
    turned = turn(rng, np.repeat(start, 50_000, axis=0), np.full(50_000, np.deg2rad(40.0)))
    np.testing.assert_allclose(chordal_distance(start, turned), 2 * np.sin(np.deg2rad(20.0)))
    # The mean over headings is along the start.
    np.testing.assert_allclose(turned.mean(0), np.cos(np.deg2rad(40.0)) * start[0], atol=0.01)


def test_same_seed_same_data_and_splits_differ() -> None:
    dataset = tracks(samples=1000)
    first, again = dataset.load("test", 3), dataset.load("test", 3)
    assert len(first.distance) == 100
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not torch.equal(first.distance, dataset.load("test", 4).distance)
    assert not torch.equal(first.distance, dataset.load("validation", 3).distance)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"speed_deg": [3, 1]}, r"speed_deg is the range \[3.0, 1.0\]; give the lower bound first"),
        ({"motion": "random-walk", "acceleration_deg": [0, 1]}, "has no heading to accelerate along"),
        ({"noise_deg": 0}, "greater than or equal to 0.1"),
    ],
)
def test_impossible_motion_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(hnetzoo.ConfigError, match=message):
        hnetzoo.load_dataset("doa-tracks", **settings)


def test_angular_velocities_point_to_where_sources_are_found_and_offer_nothing_by_default() -> None:
    assert tracks(samples=100).load("train", 0).features == {}
    batch = tracks(samples=2000, history=5, noise_deg=0.1, speed_deg=(1, 4)).load("train", 0)
    problem, row, column = batch.association.nonzero(as_tuple=True)
    assert batch.row_features is not None
    assert batch.col_features is not None
    start, velocity, age = batch.row_features[problem, row].split((3, 3, 1), dim=1)
    found = batch.col_features[problem, column]
    angle = 10 * velocity.norm(dim=1, keepdim=True)
    expected = start * angle.cos() + velocity / velocity.norm(dim=1, keepdim=True) * angle.sin()
    assert (expected - found[:, :3]).norm(dim=1).median() < 0.02 < (start - found[:, :3]).norm(dim=1).median()
    assert (age == 5).all()
    assert not found[:, 3:].any(), "predictions have no velocity"


def test_a_history_changes_nothing_else() -> None:
    plain, more = (tracks(samples=300, history=history).load("test", 1) for history in (0, 4))
    assert torch.equal(plain.distance, more.distance)
    assert torch.equal(plain.association, more.association)


def test_features_are_not_offered_where_activity_is_hidden() -> None:
    with pytest.raises(hnetzoo.ConfigError, match="features would tell which slots are active"):
        hnetzoo.load_dataset("doa-tracks", counts="hidden", history=3)
