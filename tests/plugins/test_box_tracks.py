"""Dataset box-tracks: what scenes look like, and that features tell what the distances do."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

import hnetzoo
from hnetzoo.boxes import FEATURES
from hnetzoo_mot.box_tracks import BoxTracks
from hnetzoo_mot.config import BoxTracksConfig

X, Y, WIDTH, HEIGHT, DX, DY, AGE, CONFIDENCE, GAP = range(len(FEATURES))
EXACT: dict[str, Any] = {
    "centre_noise": (0.0, 0.0),
    "size_noise": (0.0, 0.0),
    "miss_rate": (0.0, 0.0),
    "clutter_rate": (0.0, 0.0),
    "size_bias": (0.0, 0.0),
    "misfit_rate": (0.0, 0.0),
    "hidden": 0.0,
    "lost": 0.0,
    "shaking": 0.0,
}
STILL: dict[str, Any] = {**EXACT, "moving": 0.0}


def load(**settings: Any) -> hnetzoo.AssociationBatch:
    return BoxTracks(BoxTracksConfig(samples=2000, **settings)).load("train", seed=3)


def pairs(batch: hnetzoo.AssociationBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the features of true pairs, [p, 9] of rows and of columns."""
    problem, row, column = batch.association.nonzero(as_tuple=True)
    assert batch.row_features is not None
    assert batch.col_features is not None
    return batch.row_features[problem, row], batch.col_features[problem, column]


def test_whoever_walks_straight_before_a_camera_at_rest_is_found_where_the_velocity_points() -> None:
    batch = load(**STILL, turn_deg=(0.0, 0.0), distance="motion", gap=(1, 5), depth_m=(20.0, 40.0))
    rows, columns = pairs(batch)
    known = rows[:, AGE] > 0
    assert len(rows) > 2000
    expected = rows[:, :DX][:, :2] + rows[:, DX : DY + 1]
    error = (expected - columns[:, :2]).norm(dim=1) / rows[:, HEIGHT]
    assert error[known].quantile(0.9) < 0.03
    assert torch.allclose(batch.distance[batch.association][known], error[known], atol=0.02)
    assert error[~known].median() > error[known].median()


def test_of_new_tracks_no_velocity_is_known_and_of_detections_neither() -> None:
    batch = load(new=0.5)
    rows, columns = pairs(batch)
    new = rows[:, AGE] == 0
    assert new.float().mean() == pytest.approx(0.5, abs=0.05)
    assert not rows[new][:, DX : DY + 1].any()
    assert not columns[:, DX : AGE + 1].any()


def test_before_a_vehicle_boxes_grow_and_stream_outwards() -> None:
    settings = {**EXACT, "moving": 1.0, "driving": 1.0, "standing": 1.0, "pan_deg": (0.0, 0.0)}
    rows, columns = pairs(load(**settings, forward_m=(5.0, 10.0), gap=(5, 10)))
    assert (columns[:, HEIGHT] > rows[:, HEIGHT]).all()
    assert (columns[:, X].abs() >= rows[:, X].abs()).all()


def test_a_camera_that_pans_displaces_everybody_alike() -> None:
    settings = {**EXACT, "moving": 1.0, "driving": 0.0, "standing": 1.0, "zoom": (0.0, 0.0)}
    batch = load(**settings, pan_deg=(15.0, 20.0), gap=(5, 5), frame_rate=(25.0, 25.0))
    rows, columns = pairs(batch)
    assert ((columns[:, X] - rows[:, X]) < 0).all()  # the camera turns right


def test_a_zoom_scales_all_boxes_of_a_scene_by_one_factor() -> None:
    settings = {**EXACT, "moving": 1.0, "driving": 0.0, "standing": 1.0, "pan_deg": (0.0, 0.0)}
    batch = load(**settings, zoom=(0.1, 0.1), gap=(10, 10), frame_rate=(10.0, 10.0))
    rows, columns = pairs(batch)
    torch.testing.assert_close(
        columns[:, HEIGHT] / rows[:, HEIGHT], torch.full((len(rows),), 0.1).exp(), rtol=1e-4, atol=0
    )


def test_misses_and_false_alarms_come_at_their_rates() -> None:
    missed = load(**{**STILL, "miss_rate": (0.3, 0.3), "standing": 1.0, "gap": (1, 1)})
    assert missed.association.sum() / missed.row_mask.sum() == pytest.approx(0.7, abs=0.02)
    nobody = {**STILL, "depth_m": (0.5, 0.6), "standing": 1.0, "grouped": 0.0}  # all are too near to be seen
    alarms = load(**{**nobody, "clutter_rate": (0.2, 0.2)})
    assert not alarms.association.any()
    assert alarms.col_mask.float().mean() == pytest.approx(0.2, abs=0.02)


def test_false_alarms_last_as_often_as_set_and_their_boxes_stay_alike() -> None:
    nobody = {**STILL, "depth_m": (0.5, 0.6), "standing": 1.0, "grouped": 0.0, "gap": (1, 1), "new": 0.0}
    batch = load(**{**nobody, "clutter_rate": (0.2, 0.2), "lasting_rate": (0.5, 0.5)})
    problem, column, row = ((batch.distance < 0.01) & batch.cells).mT.nonzero(as_tuple=True)
    share = len(torch.stack((problem, row)).unique(dim=1).T) / batch.row_mask.sum()
    assert share == pytest.approx(0.5, abs=0.03)
    assert batch.row_features is not None
    ages = batch.row_features[..., AGE]
    assert (ages[batch.row_mask] == 0).float().mean() == pytest.approx(0.5, abs=0.03)
    assert len(column) < batch.col_mask.sum()


def test_what_stays_is_a_pair_if_so_set_and_people_are_pairs_as_before() -> None:
    settings: dict[str, Any] = {"clutter_rate": (0.3, 0.3), "miss_rate": (0.3, 0.3), "lasting_rate": (0.6, 0.6)}
    people, all_that_stays = load(**settings), load(**settings, lasting_pairs=True)
    assert torch.equal(people.distance, all_that_stays.distance)
    assert not (people.association & ~all_that_stays.association).any()
    assert all_that_stays.association.sum(2).max() == all_that_stays.association.sum(1).max() == 1
    nobody = {**STILL, "depth_m": (0.5, 0.6), "standing": 1.0, "grouped": 0.0, "gap": (1, 1), "new": 0.0}
    alarms = load(**{**nobody, "clutter_rate": (0.2, 0.2), "lasting_rate": (0.5, 0.5)}, lasting_pairs=True)
    assert alarms.association.sum() / alarms.row_mask.sum() == pytest.approx(0.5, abs=0.03)
    assert alarms.distance[alarms.association].max() < 0.01


def test_within_a_frame_whoever_is_detected_far_from_his_box_has_no_pair() -> None:
    settings = {**STILL, "mode": "detections", "misfit_rate": (1.0, 1.0), "centre_noise": (0.1, 0.1)}
    loose, strict = load(**settings, iou_threshold=0.1), load(**settings, iou_threshold=0.9)
    assert loose.association.sum() > 20 * strict.association.sum()


def test_tracks_that_are_lost_were_seen_longer_ago() -> None:
    batch = load(**{**STILL, "lost": 0.5}, lost_frames=8, gap=(2, 2), frame_rate=(25.0, 25.0), turn_deg=(0.0, 0.0))
    rows, columns = pairs(batch)
    assert set(rows[:, GAP].tolist()) == {2.0, *range(3, 11)}
    assert set(columns[:, GAP].tolist()) == {2.0}
    far = rows[:, GAP] > 6
    moved = (columns[:, :2] - rows[:, :2]).norm(dim=1) / rows[:, HEIGHT]
    assert moved[far].median() > 1.5 * moved[~far].median()


def test_within_a_frame_true_pairs_are_the_exact_assignment_of_boxes_that_overlap_enough() -> None:
    batch = load(mode="detections", clutter_rate=(0.3, 0.3))
    assert BoxTracks(BoxTracksConfig(mode="detections")).truth == "assignment within a gate"
    expected = hnetzoo.assign(batch.distance.double(), batch.row_mask, batch.col_mask, gate=0.5)
    assert batch.association.sum() > 1000
    assert (batch.association != expected).any((1, 2)).float().mean() < 0.001  # rounding of the gate
    assert batch.row_features is not None
    assert not batch.row_features[..., [DX, DY, AGE, GAP]].any()


def test_detections_that_fit_badly_are_less_sure_unless_the_scene_has_no_scores() -> None:
    settings: dict[str, Any] = {"confidence": (4.0, 4.0), "confidence_drop": (3.0, 3.0), "misfit_rate": (0.0, 0.0)}
    batch = load(**settings, unscored=0.0, centre_noise=(0.0, 0.0), size_bias=(0.0, 0.0), size_noise=(0.0, 0.0))
    assert batch.col_features is not None
    sure = batch.col_features[..., CONFIDENCE]
    paired = batch.association.any(1)
    assert sure[paired].median() > 0.95
    assert ((sure > 0) & (sure < 1))[batch.col_mask].all()
    unscored = load(unscored=1.0).col_features
    assert unscored is not None
    assert set(unscored[..., CONFIDENCE].unique().tolist()) <= {0.0, 1.0}


def test_gaps_are_those_set_and_the_same_on_both_sides() -> None:
    batch = load(gap=(3, 4), lost=0.0)
    rows, columns = pairs(batch)
    assert set(rows[:, GAP].tolist()) == {3.0, 4.0}
    assert torch.equal(rows[:, GAP], columns[:, GAP])


@pytest.mark.parametrize("distance", ["iou", "centre", "iou-motion", "motion"])
def test_every_distance_is_finite_and_smaller_within_true_pairs(distance: str) -> None:
    batch = load(distance=distance)
    others = batch.cells & ~batch.association
    assert batch.distance.isfinite().all()
    assert batch.distance[batch.association].mean() < batch.distance[others].mean()
    assert batch.row_features is not None
    assert batch.row_features.isfinite().all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"gap": (5, 2)}, "ends below its start"), ({"miss_rate": (0.0, 1.5)}, "less than or equal")],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        BoxTracksConfig(**settings)
