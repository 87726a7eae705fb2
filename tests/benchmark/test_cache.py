"""Finished rows are found again until something that they depend on has changed."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.suite import Entry, ModelEntry
from tests.benchmark.conftest import ACME, Run

ROOT = Path(__file__).parents[2]
NEAR = ModelEntry(name="near")
TUNED = ModelEntry(name="near", tune={"gate": (0.1, 0.3, 0.7, 0.9)})
LEARNS = ModelEntry(name="learns", train=True, trainer={"epochs": 1, "batch_size": 50})


def untimed(row: BenchmarkRow) -> BenchmarkRow:
    return replace(row, microseconds_per_problem=0)


def test_a_finished_row_is_found_again(run: Run) -> None:
    first, second = run(NEAR), run(NEAR)
    assert (first.cached, second.cached) == (False, True)
    assert first.result == second.result
    assert (first.sha256, first.problems) == (second.sha256, 200)


def test_another_label_is_the_same_row_under_another_name(run: Run) -> None:
    run(NEAR)
    renamed = run(ModelEntry(name="near", label="ours"), Entry(name="drift", label="theirs"))
    assert renamed.cached
    assert (renamed.result.model, renamed.result.dataset) == ("ours", "theirs")


@pytest.mark.parametrize(
    "change",
    [
        {"model": ModelEntry(name="near", settings={"gate": 0.6})},
        {"model": ModelEntry(name="near", tune={"gate": (0.5, 0.6)})},
        {"model": ModelEntry(name="near", tune={"gate": (0.5, 0.6)}, tune_on=("train",))},
        {"dataset": Entry(name="drift", settings={"test_gate": 0.71})},
        {"dataset": Entry(name="drift", settings={"validation_gate": 0.31})},
        {"seed": 1},
        {"device": "meta"},
        {"fresh": True},
    ],
    ids=str,
)
def test_a_job_of_other_settings_has_another_row(run: Run, change: dict[str, object]) -> None:
    run(NEAR)
    assert not run(**{"model": NEAR, **change}).cached


@pytest.mark.parametrize("model", [NEAR, TUNED, LEARNS], ids=lambda entry: str(entry.tune or entry.train))
def test_editing_a_source_makes_another_row_and_another_training(run: Run, acme: Path, model: ModelEntry) -> None:
    first = run(model)
    acme.write_text(ACME + "# edited\n")
    edited = run(model)
    assert not edited.cached
    assert (edited.result.weights == first.result.weights) == (not model.train)
    acme.write_text(ACME)
    assert run(model).cached


def test_another_version_of_a_library_makes_another_row(run: Run, acme: Path) -> None:
    run(NEAR)
    newer = acme.parent / "safetensors-99.0.dist-info"
    newer.mkdir()
    (newer / "METADATA").write_text("Metadata-Version: 2.1\nName: safetensors\nVersion: 99.0\n")
    assert not run(NEAR).cached
    shutil.rmtree(newer)
    assert run(NEAR).cached


def test_tuning_depends_on_the_validation_data_themselves(run: Run, tmp_path: Path) -> None:
    batch = hnetzoo.load_dataset("doa", samples=300).load("train", seed=0)
    split = torch.arange(300) % 3
    greedy = ModelEntry(name="greedy")
    gated = ModelEntry(name="hungarian-gated", tune={"gate": (0.5, 1.0)})
    stored = Entry(name="npz", settings={"path": str(tmp_path / "p.npz")})
    hnetzoo.write_problems(tmp_path / "p.npz", batch, split)
    for model in (gated, greedy):
        run(model, stored)
    distance = batch.distance.clone()
    distance[split == 1] += 0.25
    hnetzoo.write_problems(tmp_path / "p.npz", batch._replace(distance=distance), split)
    assert run(greedy, stored).cached, "what it is tested on has not changed"
    assert not run(gated, stored).cached
    assert run(gated, stored).cached


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": "near"}'])
def test_a_damaged_row_is_ignored_with_a_note_and_computed_anew(
    run: Run, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(NEAR)
    (path,) = (tmp_path / "rows").iterdir()
    path.write_text(content)
    again = run(NEAR)
    assert not again.cached
    assert f"ignoring the damaged row '{path}'" in caplog.text
    assert json.loads(path.read_text())["f1"] == first.result.f1
    assert run(NEAR).cached


def test_a_number_changed_in_a_row_is_found(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = run(NEAR)
    (path,) = (tmp_path / "rows").iterdir()
    path.write_text(path.read_text().replace(f'"f1": {first.result.f1}', '"f1": 0.125', 1))
    again = run(NEAR)
    assert again.result.f1 == first.result.f1
    assert "does not match its digest" in caplog.text


def test_a_time_taken_under_other_conditions_is_taken_anew_and_the_scores_are_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run(NEAR).result
    monkeypatch.setattr("hnetzoo.benchmark.jobs.score", lambda *args, **kwargs: pytest.fail("scored again"))
    beside = run(NEAR, workers=2)
    assert not beside.cached
    assert (alone.timing["jobs"], beside.result.timing["jobs"]) == (1, 2)
    torch.set_num_threads(2)
    threaded = run(NEAR, workers=2)
    assert not threaded.cached
    assert threaded.result.timing["threads"] == 2
    assert untimed(replace(threaded.result, timing=alone.timing)) == untimed(alone)
    assert run(NEAR, workers=2).cached


def test_a_training_is_taken_up_by_its_own_recipe_only(run: Run, tmp_path: Path) -> None:
    trained = run(LEARNS)
    (folder,) = (tmp_path / "runs").iterdir()
    assert trained.result.weights == f"trained: {folder.name}"
    best = (folder / "best.safetensors").stat().st_mtime_ns
    again = run(LEARNS, fresh=True).result
    assert untimed(again) == untimed(trained.result)
    assert (folder / "best.safetensors").stat().st_mtime_ns == best, "it was not trained again"
    longer = LEARNS.model_copy(update={"trainer": {"epochs": 2, "batch_size": 50}})
    assert run(longer).result.weights != trained.result.weights
    assert run(LEARNS).cached


def test_fresh_trains_anew(run: Run, tmp_path: Path) -> None:
    trained = run(LEARNS)
    (folder,) = (tmp_path / "runs").iterdir()
    best = (folder / "best.safetensors").stat().st_mtime_ns
    again = run(LEARNS, fresh=True, training={"fresh": True, "resume": False})
    assert (folder / "best.safetensors").stat().st_mtime_ns != best
    assert untimed(again.result) == untimed(trained.result)


@pytest.mark.parametrize(("module", "found"), [("association/decoding.py", False), ("cli/show.py", True)])
def test_editing_what_numbers_depend_on_makes_another_row(tmp_path: Path, module: str, found: bool) -> None:
    """The core is copied, and one of its files edited between two benchmarks."""
    shutil.copytree(ROOT / "hnetzoo", tmp_path / "hnetzoo", ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--model", "greedy", "--dataset", "doa", "--set", "dataset.samples=200", "--runs", str(tmp_path / "r")]
    command = [sys.executable, "-c", "from hnetzoo.cli import main; main()", "benchmark", *options]

    def cached() -> bool:
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        return "(cached)" in done.stderr

    assert [cached(), cached()] == [False, True]
    edited = tmp_path / "hnetzoo" / module
    edited.write_text(edited.read_text() + "# edited\n")
    assert cached() is found
