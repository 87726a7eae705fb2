"""The benchmark harness: protocol figures, skipping, suites, training first."""

from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark import Entry, Suite, Training, default_suite, read_suite, run_benchmark
from hnetzoo.observer import Silence
from hnetzoo.results import BenchmarkRow, Skipped

REGISTRY = hnetzoo.discover()
SMALL_DOA = Entry(name="doa", settings={"samples": 3000})


def rows(suite: Suite, **options: object) -> dict[str, BenchmarkRow]:
    return {row.model: row for row in run_benchmark(suite, REGISTRY, **options).rows}  # type: ignore[arg-type]


def test_protocol_gives_the_published_figures_of_the_baselines() -> None:
    found = rows(Suite(models=("hungarian-gated", "hungarian"), datasets=("doa-reference",)))
    assert list(found) == ["hungarian", "hungarian-gated"], "the baseline comes first"
    plain, gated = found["hungarian"], found["hungarian-gated"]
    assert (plain.weighted_f1, plain.f1) == (pytest.approx(0.741, abs=0.006), pytest.approx(0.625, abs=0.006))
    assert (gated.weighted_f1, gated.f1) == (pytest.approx(0.955, abs=0.006), pytest.approx(0.913, abs=0.006))
    assert plain.delta_f1 == 0
    assert gated.delta_f1 == pytest.approx(gated.f1 - plain.f1)
    assert plain.problems == 40_500


def test_pretrained_hnetgru_is_at_least_as_good_as_the_published_weights() -> None:
    row = rows(Suite(models=("hnetgru",), datasets=("doa-reference",)))["hnetgru"]
    assert row.weighted_f1 is not None
    assert row.weighted_f1 >= 0.9982
    assert row.f1 >= 0.9970


def test_layout_flaw_of_the_reference_protocol_shows() -> None:
    suite = Suite(models=("hnetgru",), datasets=("doa-reference", "doa"))
    reference, corrected = run_benchmark(suite, REGISTRY).rows
    assert "01x01" not in reference.layouts, "a lone pair in the second slots never occurs in the origin's protocol"
    assert corrected.layouts["01x01"]["exact"] < corrected.layouts["10x10"]["exact"] - 0.3


def test_default_suite_is_every_solver_and_pretrained_model_on_the_doa_datasets() -> None:
    suite = default_suite(REGISTRY)
    assert set(suite.models) >= {"hungarian", "hungarian-gated", "greedy", "mutual-nearest", "hnetgru"}
    assert {entry.name for entry in suite.datasets} == {"doa", "doa-reference"}
    assert suite.seeds == (0,)


def test_fixed_size_model_on_another_size_is_skipped_with_its_size() -> None:
    large = Entry(name="doa", label="doa-3", settings={"max_doas": 3, "samples": 300})
    report = run_benchmark(Suite(models=("hnetgru", "greedy"), datasets=(large,), seeds=(0, 1)), REGISTRY)
    assert report.skipped == (Skipped(model="hnetgru", dataset="doa-3", reason="n/a (fixed 2 x 2)"),)
    assert [row.seed for row in report.rows] == [0, 1]


def test_labels_and_settings_of_entries_are_used() -> None:
    near = Entry(name="hungarian-gated", label="near", settings={"gate": 0.1})
    found = rows(Suite(models=(near, "hungarian-gated"), datasets=(SMALL_DOA,)))
    assert found["near"].recall < found["hungarian-gated"].recall


def test_training_first_trains_learned_models_and_uses_finished_runs_again(tmp_path: Path) -> None:
    suite = Suite(models=("hungarian", "hnetgru"), datasets=(Entry(name="doa", settings={"samples": 3000}),))
    steps: list[int] = []

    class Counter(Silence):
        def stepped(self, epoch: int, step: int, losses: object) -> None:
            steps.append(step)

    first = rows(suite, training=Training(runs=tmp_path, observer=Counter))
    trained = len(steps)
    second = rows(suite, training=Training(runs=tmp_path, observer=Counter))
    assert trained == 10 * (3000 // 256)
    assert len(steps) == trained
    assert first["hnetgru"].weights == f"run:{tmp_path / 'hnetgru-doa-seed0'}"
    assert first["hnetgru"].f1 == second["hnetgru"].f1


def test_weighted_f1_is_reported_where_the_dataset_is_tagged_for_it() -> None:
    lsap = Entry(name="lsap", settings={"max_size": 2, "samples": 3000})
    report = run_benchmark(Suite(models=("greedy",), datasets=(SMALL_DOA, lsap)), REGISTRY)
    assert [row.weighted_f1 is None for row in report.rows] == [False, True]


def test_rows_are_told_as_they_are_made() -> None:
    told: list[BenchmarkRow | Skipped] = []
    report = run_benchmark(
        Suite(models=("greedy",), datasets=(SMALL_DOA,), seeds=(0, 1)), REGISTRY, on_result=told.append
    )
    assert tuple(told) == report.rows


def test_suite_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text('models = ["greedy"]\ndatasets = [{name = "doa", settings = {samples = 100}}]\nseeds = [3]\n')
    suite = read_suite(path)
    assert suite.seeds == (3,)
    assert suite.datasets == (Entry(name="doa", settings={"samples": 100}),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = 3\ndatasets = []\n", r"suite '.*suite.toml'.models = 3: .*tuple"),
        ("datasets = []\n", r"suite '.*suite.toml'.models is required"),
        ("models = []\ndatasets = []\nseed = [0]\n", r"suite '.*suite.toml'.seed = \[0\]: Extra inputs"),
    ],
)
def test_wrong_suite_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    with pytest.raises(hnetzoo.ConfigError, match=message):
        read_suite(path)
