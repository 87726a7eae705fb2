"""Command `associate` reads distances of every kind of file, and prints or writes pairs and probabilities."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from tests.cli.outcome import Run, fails


@pytest.fixture
def distances(tmp_path: Path) -> np.ndarray:
    array = np.array([[[0.1, 1.0], [1.0, 0.2]], [[1.0, 0.3], [0.2, 1.0]]], dtype=np.float32)
    np.save(tmp_path / "d.npy", array)
    np.savez(tmp_path / "d.npz", distance=array)
    np.savetxt(tmp_path / "d.csv", array[1], delimiter=",")
    return array


def test_associate_prints_a_line_per_pair(run: Run, distances: np.ndarray) -> None:
    assert run("associate", "hungarian", "d.npy").out == ("problem,reference,prediction\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    assert run("associate", "hungarian", "d.csv").out == "problem,reference,prediction\n0,0,1\n0,1,0\n"
    assert run("associate", "hungarian", "d.npz").out == run("associate", "hungarian", "d.npy").out


def test_associate_writes_arrays_and_probabilities(run: Run, distances: np.ndarray, tmp_path: Path) -> None:
    run("associate", "hnetgru", "d.npz", "--out", "a.npz", "--probabilities", "--method", "one-to-one")
    with np.load(tmp_path / "a.npz") as archive:
        assert archive["association"].shape == (2, 2, 2)
        assert archive["association"].dtype == bool
        assert (archive["association"].sum(1) <= 1).all()
        assert ((archive["probability"] >= 0) & (archive["probability"] <= 1)).all()
    run("associate", "hungarian", "d.npz", "--out", "a.npy")
    assert np.load(tmp_path / "a.npy").sum() == 4
    run("associate", "hungarian", "d.npz", "--out", "a.csv", "--probabilities")
    assert (tmp_path / "a.csv").read_text().startswith("problem,reference,prediction,probability\n0,0,0,1.0")
    document = json.loads(run("associate", "hungarian", "d.csv", "--json", "--probabilities").out)
    assert document["pairs"][0] == {"problem": 0, "reference": 0, "prediction": 1, "probability": 1.0}


def test_array_of_the_wrong_shape_is_bad_data(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((5, 2, 3)))
    fails(run("associate", "hnetgru", "wide.npy"), 4, "are for problems of 2 x 2, and these are 2 x 3")
    np.save(tmp_path / "flat.npy", np.zeros(5))
    fails(
        run("associate", "hungarian", "flat.npy"), 4, "flat.npy': distance is float64 [5]; expected numbers [b, n, m]"
    )


def test_a_line_says_how_many_pairs_in_which_unit_and_how_good(run: Run, distances: np.ndarray, tmp_path: Path) -> None:
    assert run("associate", "hungarian", "d.npy").err == "4 pairs in 2 problems; distances taken in any unit\n"
    assert run("associate", "hnetgru", "d.npy").err.endswith("distances taken as chord\n")
    truth = np.zeros((2, 2, 2), dtype=bool)
    truth[0] = np.eye(2)
    np.savez(tmp_path / "t.npz", distance=distances, association=truth)
    assert "F1 0.6667, exact 0.5000 against the truth in the file" in run("associate", "hungarian", "t.npz").err
    document = json.loads(run("associate", "hungarian", "t.npz", "--json").out)
    assert (document["unit"], document["exact"]) == ("any", 0.5)


def test_a_certificate_bounds_what_the_pairs_cost_too_much(run: Run, distances: np.ndarray) -> None:
    document = json.loads(run("associate", "hungarian", "d.npy", "--certificate", "--json").out)
    assert max(document["optimality_gap"]) < 1e-6
    assert "(2 of 2 problems proven)" in run("associate", "greedy", "d.npy", "--certificate").err


def test_problems_outside_the_scope_warn_in_a_line_and_are_refused_if_strict(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", 50 * np.random.default_rng(0).random((3, 5, 6)))
    outcome = run("associate", "dhn", "wide.npy")
    assert outcome.code == 0
    assert outcome.err.startswith("warning: weights 'dhn, pretrained:default' are for 1 to 3 slots a side")
    fails(run("associate", "transformer", "wide.npy", "--strict"), 4, "these problems are others; use 'sinkhorn'")
    assert run("associate", "sinkhorn", "wide.npy", "--strict").code == 0


def test_settings_of_the_model_are_given_with_set(run: Run, distances: np.ndarray) -> None:
    never = ("associate", "exchangeable", "d.npy", "--set", "model.unmatched=never")
    assert run(*never).err == "4 pairs in 2 problems; distances taken in any unit\n"
    assert json.loads(run(*never, "--json").out)["weights"] == "none"
    nearest = run("associate", "hungarian-gated", "d.npy", "--set", "model.gate=1e-9", "--json")
    assert json.loads(nearest.out)["pairs"] == []
    fails(run("associate", "hungarian", "d.npy", "--set", "model.gait=1"), 2, "unknown setting 'model.gait'")
    fails(run("associate", "hungarian", "d.npy", "--set", "dataset.samples=1"), 2, "settings of the model alone")


def test_features_of_a_file_reach_a_model_that_takes_them(run: Run, tmp_path: Path) -> None:
    small = ("--set", "dataset.samples=60", "--set", "dataset.max_boxes=4")
    training = ("--set", "trainer.epochs=1", "--set", "trainer.batch_size=20", "--set", "model.channels=8")
    assert run("train", "motion", *small, *training, "--out", "run").code == 0
    assert run("generate", "box-tracks", *small, "--out", "with.npz").code == 0
    with np.load(tmp_path / "with.npz") as archive:
        np.savez(tmp_path / "without.npz", **{name: archive[name] for name in archive if "features" not in name})
    for model, alike in (("run:run", False), ("exchangeable", True)):
        answers = []
        for name in ("with.npz", "without.npz"):
            run("associate", model, name, "--probabilities", "--out", "a.npz")
            with np.load(tmp_path / "a.npz") as archive:
                answers.append(archive["probability"])
        assert np.array_equal(*answers) is alike


@pytest.mark.parametrize(("options", "code"), [((), 4), (("--costs",), 0)])
def test_negative_numbers_need_a_flag(run: Run, tmp_path: Path, options: tuple[str, ...], code: int) -> None:
    (tmp_path / "d.csv").write_text("-1,2\n3,-4\n")
    outcome = run("associate", "hungarian", "d.csv", *options)
    assert outcome.code == code
    if code:
        fails(outcome, 4, "'d.csv' holds negative numbers", "give --costs")


def test_a_file_of_observations_is_no_matrix_of_distances(run: Run, tmp_path: Path) -> None:
    lines = [f"{frame},{frame % 3},0,{10 * frame},{frame}\n" for frame in range(20)]
    (tmp_path / "scene.csv").write_text("".join(lines))
    fails(run("associate", "hungarian", "scene.csv"), 4, "looks like lines of observations", "doa-csv")


def test_no_pair_at_all_is_explained(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("inf,inf\ninf,inf\n")
    outcome = run("associate", "hungarian", "d.csv")
    assert outcome.code == 0
    assert "0 pairs in 1 problem" in outcome.err
    assert "none was made: check the unit" in outcome.err


def test_one_pair_is_not_said_to_be_several(run: Run, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("0.01\n")
    assert run("associate", "hungarian", "d.csv").err.startswith("1 pair in 1 problem;")


@pytest.fixture
def several(tmp_path: Path) -> list[tuple[str, np.ndarray]]:
    """Write matrices of different sizes, and return them with their files in order; one file holds two."""
    rng = np.random.default_rng(3)
    first, pair, last = rng.random((2, 3)), rng.random((2, 3, 1)), rng.random((1, 4))
    np.savetxt(tmp_path / "a.csv", first, delimiter=",")
    np.save(tmp_path / "b.npy", pair)
    np.savetxt(tmp_path / "c.csv", last, delimiter=",")
    return [("a.csv", first), ("b.npy", pair[0]), ("b.npy", pair[1]), ("c.csv", last)]


def test_several_files_are_answered_as_each_alone_and_every_pair_names_its_file(
    run: Run, several: list[tuple[str, np.ndarray]], tmp_path: Path
) -> None:
    outcome = run("associate", "hungarian", "a.csv", "b.npy", "c.csv")
    expected = [
        f"{problem},{row},{column},{name}"
        for problem, (name, matrix) in enumerate(several)
        for row, column in zip(*linear_sum_assignment(matrix), strict=True)
    ]
    assert outcome.out.splitlines() == ["problem,reference,prediction,file", *expected]
    assert "in 4 problems" in outcome.err
    document = json.loads(run("associate", "hungarian", "a.csv", "b.npy", "c.csv", "--json").out)
    assert (document["problems"], document["shape"]) == (4, [3, 4])
    assert [pair["file"] for pair in document["pairs"]] == [line.rpartition(",")[2] for line in expected]
    run("associate", "hungarian", "a.csv", "b.npy", "c.csv", "--out", "o.npz")
    with np.load(tmp_path / "o.npz") as archive:
        assert archive["files"].tolist() == [name for name, _ in several]
        assert archive["association"].shape == (4, 3, 4)


def test_one_of_several_files_that_is_unusable_is_named(
    run: Run, several: list[tuple[str, np.ndarray]], tmp_path: Path
) -> None:
    np.savez(tmp_path / "d.npz", distance=np.zeros((1, 2, 2)))
    fails(run("associate", "hungarian", "a.csv", "d.npz"), 2, "'d.npz' holds problems of its own; give it alone")
    (tmp_path / "e.csv").write_text("-1,2\n")
    fails(run("associate", "hungarian", "a.csv", "e.csv"), 4, "'e.csv' holds negative numbers")
    fails(run("associate", "hungarian", "a.csv", "none.csv"), 4, "cannot read 'none.csv'")
