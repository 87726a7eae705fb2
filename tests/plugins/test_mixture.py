"""The mixture holds the problems of its parts, by share, in units of their own."""

from pathlib import Path
from typing import Any

import pytest
import torch

import hnetzoo

SMALL = {"dataset": "doa", "settings": {"samples": 300}}
MASKED = {"dataset": "doa-tracks", "settings": {"samples": 300, "max_doas": 5}}


def load(split: hnetzoo.Split = "train", seed: int = 0, **settings: Any) -> hnetzoo.AssociationBatch:
    return hnetzoo.load_dataset("mixture", **settings).load(split, seed)


def problems(batch: hnetzoo.AssociationBatch) -> list[str]:
    """Return the sorted problems of a batch that are not empty, each by its existing distances and pairs."""
    return sorted(
        str((distance[rows][:, columns].tolist(), truth[rows][:, columns].tolist()))
        for distance, truth, rows, columns in zip(*batch[:4], strict=True)
        if rows.any() and columns.any()
    )


def test_each_part_gives_its_share_of_the_problems_and_smaller_ones_are_masked() -> None:
    parts = [{**SMALL, "share": 3}, MASKED]
    batch = load(parts=parts, samples=101)
    assert batch.distance.shape == (101, 5, 5)
    found = problems(batch)
    doa, tracks = (
        set(problems(hnetzoo.load_dataset(part["dataset"], **part["settings"]).load("train", 0))) for part in parts
    )
    assert sum(problem in doa for problem in found) == 76
    empty = int((~batch.cells.flatten(1).any(1)).sum())
    assert sum(problem in tracks for problem in found) + empty == 25


def test_a_whole_part_is_used_if_its_share_is_all_it_has() -> None:
    expected = hnetzoo.load_dataset("doa", samples=300).load("train", 0)
    assert problems(load(parts=[SMALL], samples=300)) == problems(expected)


def test_units_multiply_the_distances_of_each_problem_alone() -> None:
    plain = load(parts=[SMALL], samples=200)
    scaled = load(parts=[{**SMALL, "units": [0.01, 100]}], samples=200)
    assert torch.equal(scaled.association, plain.association)
    factor = (scaled.distance / plain.distance).flatten(1)
    torch.testing.assert_close(factor, factor[:, :1].expand_as(factor), rtol=1e-4, atol=0)
    assert factor.min() < 0.1
    assert factor.max() > 10
    assert factor[:, 0].log10().abs().max() <= 2.001


def test_splits_and_seeds_differ_and_repeat() -> None:
    parts = [SMALL, MASKED]
    first, again, other = (load(parts=parts, samples=100, seed=seed) for seed in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(first.tensors.values(), again.tensors.values(), strict=True))
    assert not set(problems(first)) & set(problems(other))
    assert not set(problems(first)) & set(problems(load("test", parts=parts, samples=100)))
    assert len(load("validation", parts=parts, samples=100).distance) == 10


def test_a_part_with_too_few_problems_is_named() -> None:
    with pytest.raises(hnetzoo.DataError, match=r"train split of 'doa' has 300 problems, and its share .* is 400"):
        load(parts=[SMALL], samples=400)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"parts": []}, "parts"),
        ({"parts": [{"dataset": "doa", "units": [2.0, 1.0]}]}, "give the lower bound first"),
        ({"parts": [{"dataset": "doa", "share": 0}]}, "share"),
        ({"parts": [{"dataset": "dao"}]}, "unknown dataset 'dao'; did you mean 'doa'"),
        ({"parts": [{"dataset": "doa", "settings": {"max_doa": 2}}]}, "unknown setting 'dataset.max_doa'"),
    ],
)
def test_parts_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(hnetzoo.HnetzooError, match=message):
        hnetzoo.load_dataset("mixture", **settings)


def test_unit_and_truth_are_those_of_all_parts() -> None:
    doa, tracks = {"dataset": "doa"}, {"dataset": "doa-tracks"}
    both = hnetzoo.load_dataset("mixture", parts=(doa, tracks))
    assert (both.unit, both.truth) == ("chord", "activity, identity")
    assert hnetzoo.load_dataset("mixture", parts=(doa, {**tracks, "units": (0.01, 1)})).unit == "mixed"
    assert hnetzoo.load_dataset("mixture", parts=(tracks,)).truth == "identity"


def test_problems_say_what_their_pairs_mean_where_parts_differ_in_it() -> None:
    known = {"dataset": "doa", "settings": {"samples": 300, "counts": "known"}}
    batch = load(parts=[SMALL, {**MASKED, "share": 2}, known], samples=120)
    assert batch.truth is not None
    assert [int((batch.truth == number).sum()) for number in (-1, 0, 1)] == [30, 30, 60]
    assert not batch.row_mask[batch.truth == 0, 2:].any()
    nested = {"dataset": "mixture", "settings": {"parts": [SMALL, MASKED], "samples": 100}}
    assert torch.equal(load(parts=[nested], samples=100).truth.bincount(), torch.tensor([50, 50]))
    assert load(parts=[SMALL, SMALL], samples=100).truth is None
    assert load(parts=[MASKED], samples=100).truth is None


def test_what_problems_of_a_file_say_of_their_pairs_is_kept(tmp_path: Path) -> None:
    stored = hnetzoo.load_dataset("doa-tracks", samples=300).load("train", 0)
    stored = stored._replace(truth=torch.arange(300) % 3 - 1)
    hnetzoo.write_problems(tmp_path / "mine.npz", stored, torch.zeros(300))
    mine = {"dataset": "npz", "settings": {"path": str(tmp_path / "mine.npz")}}
    assert load(parts=[mine], samples=300).truth.sort().values.tolist() == [-1] * 100 + [0] * 100 + [1] * 100
    both = load(parts=[mine, MASKED], samples=600).truth
    assert [int((both == number).sum()) for number in (-1, 0, 1)] == [100, 100, 400]


def test_features_are_kept_where_all_parts_offer_the_same() -> None:
    boxes = [{"dataset": "box-tracks", "settings": {"samples": 20, "distance": kind}} for kind in ("iou", "motion")]
    batch = load(parts=boxes, samples=40)
    assert batch.row_features is not None
    assert batch.col_features is not None
    found = sorted(batch.row_features[batch.row_mask][:, 0].tolist())
    parts = [hnetzoo.load_dataset("box-tracks", **part["settings"]).load("train", 0) for part in boxes]  # type: ignore[arg-type]
    assert found == sorted(x for part in parts for x in part.row_features[part.row_mask][:, 0].tolist())
    assert load(parts=[boxes[0], SMALL], samples=40).row_features is None


def test_where_a_part_says_how_likely_pairs_are_the_others_are_certain() -> None:
    likely = {"dataset": "doa-tracks", "settings": {"samples": 60, "posterior": True}}
    batch = load(parts=[SMALL, likely], samples=120)
    assert batch.probability is not None
    doa, tracks = batch.truth == 0, batch.truth == 1
    assert torch.equal(batch.probability[doa], batch.association[doa].float())
    expected = hnetzoo.load_dataset("doa-tracks", **likely["settings"]).load("train", 0).probability  # type: ignore[arg-type]
    assert sorted(batch.probability[tracks].flatten().tolist()) == sorted(expected.flatten().tolist())
    assert load(parts=[SMALL, MASKED], samples=120).probability is None
