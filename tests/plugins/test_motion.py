"""The model motion: what it takes from boxes, in which units, and what it does without them."""

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, log_loss

import hnetzoo
from hnetzoo.boxes import FEATURES, box_distance, box_features
from hnetzoo_exchangeable.box_cells import box_cells
from hnetzoo_exchangeable.config import MotionConfig, MotionTrainerConfig
from hnetzoo_exchangeable.motion import Motion
from hnetzoo_exchangeable.motion_trainer import MotionTrainer


@pytest.fixture
def model() -> Motion:
    torch.manual_seed(0)
    return Motion(MotionConfig(channels=16, layers=2), (2, 2)).eval()


def scene(samples: int = 40, **settings: object) -> hnetzoo.AssociationBatch:
    return hnetzoo.load_dataset("box-tracks", samples=samples, max_boxes=6, **settings).load("train", seed=0)


def logits(model: Motion, batch: hnetzoo.AssociationBatch) -> torch.Tensor:
    return model(*batch.problems, **batch.features).masked_fill(~batch.cells, 0.0)  # type: ignore[no-any-return]


def moved(batch: hnetzoo.AssociationBatch, factor: float, shift: float) -> hnetzoo.AssociationBatch:
    """Return a batch whose lengths are multiplied by a factor, and all of whose places are shifted."""
    assert batch.row_features is not None
    assert batch.col_features is not None
    scale = torch.ones(len(FEATURES))
    scale[:6] = factor
    offset = torch.zeros(len(FEATURES))
    offset[:2] = shift
    return batch._replace(
        row_features=batch.row_features * scale + offset, col_features=batch.col_features * scale + offset
    )


@pytest.mark.parametrize(("factor", "shift"), [(1080.0, 0.0), (1.0, -3.0), (480.0, 200.0)])
def test_neither_the_unit_of_length_nor_its_origin_matters(model: Motion, factor: float, shift: float) -> None:
    batch = scene()
    torch.testing.assert_close(logits(model, moved(batch, factor, shift)), logits(model, batch), atol=2e-2, rtol=1e-3)


def test_distances_between_boxes_are_those_of_the_dataset() -> None:
    """What cells see of boxes against the numpy implementation of the dataset mot."""
    rng = np.random.default_rng(0)
    rows, columns = (np.concatenate((rng.normal(size=(3, 4, 2)), rng.uniform(0.5, 3, (3, 4, 2))), -1) for _ in range(2))
    expected = rng.normal(size=(3, 4, 2))
    ones = np.ones((3, 4))
    given = box_features(rows, ones, ones, expected, ones), box_features(columns, ones, ones)
    cells = box_cells(*(torch.from_numpy(features) for features in given))
    for found, kind in ((cells.fixed[..., 2], "iou"), (cells.fixed[..., 3], "iou-motion"), (cells.apart, "iou-motion")):
        np.testing.assert_allclose(found, box_distance(kind, rows, columns, expected), atol=1e-9)  # type: ignore[arg-type]
    for axes, kind in ((slice(0, 2), "centre"), (slice(2, 4), "motion")):
        found = cells.displaced[..., axes].norm(dim=-1)
        np.testing.assert_allclose(found, box_distance(kind, rows, columns, expected), atol=1e-9)  # type: ignore[arg-type]


def test_a_frame_stands_apart_from_the_next_as_far_as_that_from_the_thirtieth() -> None:
    """Within a frame pairs are of boxes that overlap, which holds neither one frame on nor later."""
    box = torch.rand(1, 2, len(FEATURES), dtype=torch.float64)

    def seen(gap: float) -> torch.Tensor:
        given = box.clone()
        given[..., FEATURES.index("gap")] = gap
        return box_cells(given, given).fixed

    same, following, latest = (seen(gap) for gap in (0.0, 1.0, 30.0))
    assert (same - following).norm() >= (following - latest).norm()


def test_without_features_it_answers_from_the_distances(model: Motion) -> None:
    batch = scene()
    answer = model(*batch.problems)
    assert answer.isfinite().all()
    assert not torch.equal(answer, model(*batch.problems, **batch.features))


def test_a_bias_is_added_to_the_logits_of_all_pairs(model: Motion) -> None:
    biased = Motion(MotionConfig(channels=16, layers=2, bias=3.0), (2, 2)).eval()
    biased.load_state_dict(model.state_dict())
    batch = scene()
    torch.testing.assert_close(logits(biased, batch), (logits(model, batch) + 3.0).masked_fill(~batch.cells, 0.0))


@pytest.mark.parametrize("name", ["row_features", "col_features"])
def test_features_of_one_side_alone_are_refused(model: Motion, name: str) -> None:
    batch = scene()
    with pytest.raises(hnetzoo.ShapeError, match="only one side has features"):
        model(*batch.problems, **{name: batch.features[name]})


def test_features_that_cannot_be_are_refused(model: Motion) -> None:
    batch = scene()
    wrong = {name: field[..., :4] for name, field in batch.features.items()}
    with pytest.raises(hnetzoo.ShapeError, match=r"row_features is \[40, 6, 4\]; this model takes \[40, 6, 9\]"):
        model(*batch.problems, **wrong)
    lost = {name: field.clone() for name, field in batch.features.items()}
    lost["col_features"][batch.col_mask] = torch.nan
    with pytest.raises(hnetzoo.DataError, match="col_features holds a value inside the mask that is not finite"):
        model(*batch.problems, **lost)


def test_boxes_of_no_size_and_far_away_have_finite_logits_and_gradients(model: Motion) -> None:
    batch = scene()
    for value in (0.0, 1e6, -1e6):
        given = {name: torch.full_like(field, value).requires_grad_() for name, field in batch.features.items()}
        found = model(*batch.problems, **given)
        found.sum().backward()
        assert found.isfinite().all()
        assert all(field.grad is not None and field.grad.isfinite().all() for field in given.values())


def test_the_trainer_withholds_features_from_a_share_of_batches_and_never_in_eval_mode(model: Motion) -> None:
    batch = scene()
    seen: list[bool] = []
    model.register_forward_pre_hook(lambda _, __, given: seen.append("row_features" in given), with_kwargs=True)
    trainer = MotionTrainer(MotionTrainerConfig(without_features=0.3))
    torch.manual_seed(0)
    for training, expected in ((True, 0.7), (False, 1.0)):
        model.train(training)
        seen.clear()
        for _ in range(100):
            trainer.losses(model, batch.select(slice(0, 2)))
        assert np.mean(seen) == pytest.approx(expected, abs=0.12 if training else 0)


@pytest.mark.parametrize("withheld", [False, True])
def test_true_pairs_weigh_more_in_batches_whose_features_are_withheld_alone(model: Motion, withheld: bool) -> None:
    """The loss against scikit-learn's, a term per entry."""
    batch = scene()
    trainer = MotionTrainer(MotionTrainerConfig(without_features=float(withheld), withheld_pair_weight=3.0))
    found = trainer.losses(model.train(), batch)["cell"]
    chance = model(*batch.problems, **({} if withheld else batch.features))[batch.cells].sigmoid().double().detach()
    truth = batch.association[batch.cells]
    weight = np.where(truth, 3.0 if withheld else 1.0, 1.0)
    expected = log_loss(truth, chance, normalize=False, sample_weight=weight) / batch.row_mask.sum()
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


def test_training_learns_what_distances_do_not_tell() -> None:
    """Two people change places: who they are shows in their sizes alone."""
    rng = np.random.default_rng(0)
    height = rng.uniform(1, 3, (400, 2)) * (1.0, 1.6)
    place = np.broadcast_to([[0.0, 0.0], [1.0, 0.0]], (400, 2, 2))
    size = np.stack((height * 0.4, height), -1)
    rows, columns = (np.concatenate((where, size), -1) for where in (place, place[:, ::-1]))
    ones = np.ones((400, 2))
    masks = torch.ones(400, 2, dtype=torch.bool)
    batch = hnetzoo.AssociationBatch(
        torch.from_numpy(box_distance("centre", rows, columns, np.zeros((400, 2, 2)))).float(),
        torch.eye(2, dtype=torch.bool).expand(400, 2, 2),
        masks,
        masks,
        row_features=torch.from_numpy(box_features(rows, ones, ones)).float(),
        col_features=torch.from_numpy(box_features(columns, ones, ones)).float(),
    )
    torch.manual_seed(0)
    model, trainer = Motion(MotionConfig(channels=16, layers=2), (2, 2)), MotionTrainer(MotionTrainerConfig())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(150):
        optimizer.zero_grad()
        sum(trainer.losses(model, batch.select(slice(step % 8 * 50, step % 8 * 50 + 50))).values()).backward()  # type: ignore[union-attr]
        optimizer.step()
    model.eval()
    found = hnetzoo.decode(model(*batch.problems, **batch.features), batch.row_mask, batch.col_mask)
    assert (found == batch.association).flatten(1).all(1).float().mean() > 0.95


def test_the_shipped_weights_match_close_people_within_a_frame_as_the_exact_assignment_does() -> None:
    rng = np.random.default_rng(0)
    height = rng.uniform(0.1, 0.3, (500, 4, 1))
    size = np.concatenate((0.4 * height, height), -1)
    corner = rng.uniform(0, 1, (500, 1, 2)) + rng.normal(0, 0.2, (500, 4, 2)) * height
    people = np.concatenate((corner, size), -1)
    found = np.concatenate((corner + rng.normal(0, 0.05, (500, 4, 2)) * height, size), -1)
    ones, zero = np.ones((500, 4)), np.zeros((500, 4))
    distance = torch.from_numpy(box_distance("iou", people, found, np.zeros((500, 4, 2)))).float()
    features = [torch.from_numpy(box_features(boxes, ones, zero)).float() for boxes in (people, found)]
    with torch.no_grad():
        pairs = hnetzoo.load_model("motion")(distance, row_features=features[0], col_features=features[1]) > 0
    assert (distance < 0.5).sum() > 1.2 * 500 * 4
    assert f1_score(hnetzoo.assign(distance, gate=0.5).flatten(), pairs.flatten()) > 0.997
