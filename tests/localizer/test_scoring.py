"""Scores of estimates with known errors."""

import math

import pytest
import torch
from torch import Tensor

from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import ClassWiseLocalizer, Estimate
from benchmarks.localizer.scoring import Scores, score

FRAMES = 10


def truth_of(active: Tensor) -> Examples:
    directions = torch.eye(3)[:2].expand(1, FRAMES, 2, 3) * active.unsqueeze(-1)
    none = torch.zeros(1, FRAMES, 2).long()
    return Examples(torch.empty(1, 0), directions, active, none, none)


def estimated(directions: Tensor, activity: Tensor) -> Estimate:
    """Return an estimate without classes."""
    return Estimate(directions, activity, torch.empty(1, FRAMES, 2, 0))


BOTH = truth_of(torch.ones(1, FRAMES, 2).bool())
SURE = torch.full((1, FRAMES, 2), 5.0)


def test_the_truth_has_the_best_scores_in_any_order_and_length() -> None:
    for directions in (BOTH.directions, BOTH.directions.flip(2), 0.1 * BOTH.directions):
        best = Scores(0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, f20=1.0, class_error_deg=0.0, class_recall=1.0, seld=0.0)
        assert score(estimated(directions, SURE), BOTH, 30.0) == best


def test_tracks_that_swap_once_switch_two_identities() -> None:
    directions = torch.cat((BOTH.directions[:, :5], BOTH.directions[:, 5:].flip(2)), 1)
    found = score(estimated(directions, SURE), BOTH, 30.0)
    assert found.switches == found.match_switches == 100 * 2 / 20
    assert found.mota == pytest.approx(1 - 2 / 20)
    assert found.error_deg == 0


def test_another_source_in_the_same_slot_is_no_switch() -> None:
    other = BOTH._replace(identity=torch.arange(FRAMES).ge(5).long().view(1, FRAMES, 1).expand(1, FRAMES, 2))
    directions = torch.cat((BOTH.directions[:, :5], BOTH.directions[:, 5:].flip(2)), 1)
    assert score(estimated(directions, SURE), other, 30.0).switches == 0


def test_switches_are_counted_per_reference_and_per_match() -> None:
    directions = torch.cat((BOTH.directions[:, :4], BOTH.directions[:, 4:8].flip(2), -BOTH.directions[:, 8:]), 1)
    found = score(estimated(directions, SURE), BOTH, 30.0)
    assert (found.switches, found.match_switches) == (100 * 2 / 20, 100 * 2 / 16)


def test_an_inactive_track_is_a_miss_and_an_extra_track_a_false_alarm() -> None:
    one = truth_of(torch.tensor([True, False]).expand(1, FRAMES, 2))
    half = estimated(BOTH.directions, torch.tensor([5.0, -5.0]).expand(1, FRAMES, 2))
    missed, false = score(half, BOTH, 30.0), score(estimated(BOTH.directions, SURE), one, 30.0)
    assert (missed.recall, missed.precision, missed.mota, missed.gospa_deg) == (0.5, 1.0, 0.5, 15.0)
    assert (false.recall, false.precision, false.mota, false.gospa_deg) == (1.0, 0.5, 0.0, 15.0)


def test_pairs_beyond_the_gate_count_in_le_but_not_in_mota() -> None:
    angle = math.radians(40)
    off = torch.tensor([[math.cos(angle), 0.0, math.sin(angle)], [0.0, math.cos(angle), math.sin(angle)]])
    found = score(estimated(off.expand(1, FRAMES, 2, 3), SURE), BOTH, 30.0)
    assert found.error_deg == pytest.approx(40.0, abs=1e-3)
    assert (found.f1, found.mota) == (1.0, -1.0)


def test_error_is_nan_without_active_tracks() -> None:
    found = score(estimated(BOTH.directions, -SURE), BOTH, 30.0)
    assert math.isnan(found.error_deg)
    assert math.isnan(found.match_switches)
    assert (found.recall, found.mota) == (0.0, 0.0)


def test_a_right_place_with_a_wrong_class_is_a_miss_and_a_false_alarm() -> None:
    sounds = torch.tensor([[5.0, 0.0], [5.0, 0.0]]).expand(1, FRAMES, 2, 2)  # both tracks say class 0
    kinds = BOTH._replace(sound=torch.tensor([0, 1]).expand(1, FRAMES, 2))
    found = score(Estimate(BOTH.directions, SURE, sounds), kinds, 30.0)
    assert (found.recall, found.precision, found.mota, found.gospa_deg) == (0.5, 0.5, 0.0, 30.0)
    assert (found.f20, found.class_recall, found.class_error_deg) == (pytest.approx((2 / 3 + 0) / 2), 0.5, 0.0)


def test_tracks_of_a_class_that_agree_are_one_in_their_mean() -> None:
    localizer = ClassWiseLocalizer(3, 2)
    angles = torch.tensor([[[0.0, 10.0, 90.0], [5.0, 120.0, 121.0]]]).deg2rad()
    vectors = torch.stack((angles.cos(), angles.sin(), 0 * angles), -1).view(1, 1, 6, 3)
    vectors[0, 0, 4] *= 0.4  # too short to be active
    told = localizer.detect(Estimate(vectors, vectors.norm(dim=-1) - 0.5, torch.eye(2).repeat_interleave(3, 0)))
    assert (told.activity[0, 0] > 0).tolist() == [True, False, True, True, False, True]
    where = torch.atan2(told.directions[..., 1], told.directions[..., 0]).rad2deg()[0, 0]
    assert where[[0, 2, 3, 5]].tolist() == pytest.approx([5.0, 90.0, 5.0, 121.0], abs=1e-3)
