"""Scores of estimates with known errors."""

import math

import pytest
import torch
from torch import Tensor

from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Estimate
from benchmarks.localizer.scoring import Scores, score

FRAMES = 10


def truth_of(active: Tensor) -> Examples:
    directions = torch.eye(3)[:2].expand(1, FRAMES, 2, 3) * active.unsqueeze(-1)
    return Examples(torch.empty(1, 0), directions, active, torch.zeros(1, FRAMES, 2).long())


BOTH = truth_of(torch.ones(1, FRAMES, 2).bool())
SURE = torch.full((1, FRAMES, 2), 5.0)


def test_the_truth_has_the_best_scores_in_any_order_and_length() -> None:
    for directions in (BOTH.directions, BOTH.directions.flip(2), 0.1 * BOTH.directions):
        assert score(Estimate(directions, SURE), BOTH, 30.0) == Scores(0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0)


def test_tracks_that_swap_once_switch_two_identities() -> None:
    directions = torch.cat((BOTH.directions[:, :5], BOTH.directions[:, 5:].flip(2)), 1)
    found = score(Estimate(directions, SURE), BOTH, 30.0)
    assert found.switches == found.match_switches == 100 * 2 / 20
    assert found.mota == pytest.approx(1 - 2 / 20)
    assert found.error_deg == 0


def test_another_source_in_the_same_slot_is_no_switch() -> None:
    other = BOTH._replace(identity=torch.arange(FRAMES).ge(5).long().view(1, FRAMES, 1).expand(1, FRAMES, 2))
    directions = torch.cat((BOTH.directions[:, :5], BOTH.directions[:, 5:].flip(2)), 1)
    assert score(Estimate(directions, SURE), other, 30.0).switches == 0


def test_switches_are_counted_per_reference_and_per_match() -> None:
    directions = torch.cat((BOTH.directions[:, :4], BOTH.directions[:, 4:8].flip(2), -BOTH.directions[:, 8:]), 1)
    found = score(Estimate(directions, SURE), BOTH, 30.0)
    assert (found.switches, found.match_switches) == (100 * 2 / 20, 100 * 2 / 16)


def test_an_inactive_track_is_a_miss_and_an_extra_track_a_false_alarm() -> None:
    one = truth_of(torch.tensor([True, False]).expand(1, FRAMES, 2))
    half = Estimate(BOTH.directions, torch.tensor([5.0, -5.0]).expand(1, FRAMES, 2))
    missed, false = score(half, BOTH, 30.0), score(Estimate(BOTH.directions, SURE), one, 30.0)
    assert (missed.recall, missed.precision, missed.mota, missed.gospa_deg) == (0.5, 1.0, 0.5, 15.0)
    assert (false.recall, false.precision, false.mota, false.gospa_deg) == (1.0, 0.5, 0.0, 15.0)


def test_pairs_beyond_the_gate_count_in_le_but_not_in_mota() -> None:
    angle = math.radians(40)
    off = torch.tensor([[math.cos(angle), 0.0, math.sin(angle)], [0.0, math.cos(angle), math.sin(angle)]])
    found = score(Estimate(off.expand(1, FRAMES, 2, 3), SURE), BOTH, 30.0)
    assert found.error_deg == pytest.approx(40.0, abs=1e-3)
    assert (found.f1, found.mota) == (1.0, -1.0)


def test_error_is_nan_without_active_tracks() -> None:
    found = score(Estimate(BOTH.directions, -SURE), BOTH, 30.0)
    assert math.isnan(found.error_deg)
    assert math.isnan(found.match_switches)
    assert (found.recall, found.mota) == (0.0, 0.0)
