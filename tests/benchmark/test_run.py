"""The benchmark harness: protocol figures, skipping, labels, failures, what the report says."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import Options
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, Failed, Skipped
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite

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
    assert "01x01" not in reference.layouts, (
        "a lone pair in the second slots never occurs in the protocol of the original Hnet"
    )
    assert corrected.layouts["01x01"]["exact"] < corrected.layouts["10x10"]["exact"] - 0.3


def test_fixed_size_model_on_another_size_is_skipped_with_its_size() -> None:
    large = Entry(name="doa", label="doa-3", settings={"max_doas": 3, "samples": 300})
    report = run_benchmark(Suite(models=("hnetgru", "greedy"), datasets=(large,), seeds=(0, 1)), REGISTRY)
    assert report.skipped == (Skipped(model="hnetgru", dataset="doa-3", reason="n/a (fixed 2 x 2)"),)
    assert [row.seed for row in report.rows] == [0, 1]


def test_labels_and_settings_of_entries_are_used() -> None:
    near = ModelEntry(name="hungarian-gated", label="near", settings={"gate": 0.1})
    found = rows(Suite(models=(near, "hungarian-gated"), datasets=(SMALL_DOA,)))
    assert found["near"].recall < found["hungarian-gated"].recall


def test_weighted_f1_is_reported_where_the_dataset_is_tagged_for_it() -> None:
    lsap = Entry(name="lsap", settings={"max_size": 2, "samples": 3000})
    report = run_benchmark(Suite(models=("greedy",), datasets=(SMALL_DOA, lsap)), REGISTRY)
    assert [row.weighted_f1 is None for row in report.rows] == [False, True]


def test_outcomes_are_told_as_they_are_made() -> None:
    told: list[BenchmarkRow | Skipped | Failed] = []
    suite = Suite(models=("greedy",), datasets=(SMALL_DOA,), seeds=(0, 1))
    report = run_benchmark(suite, REGISTRY, on_result=lambda outcome: told.append(outcome.result))
    assert tuple(told) == report.rows


DEADLY = """
import os
import torch
import hnetzoo

class Deadly(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()

    def forward(self, distance, row_mask=None, col_mask=None):
        os._exit(3)

class Raising(Deadly):
    def forward(self, distance, row_mask=None, col_mask=None):
        raise RuntimeError("no luck")

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name=name.lower(), summary="", target=f"deadly_net:{name}", config="hnetzoo:Config",
                              tags={"non-learned"}) for name in ("Deadly", "Raising")]
"""


def kept_in(folder: Path) -> Options:
    return Options(cache=folder / "rows", training=TrainingOptions(runs=folder))


def without_timings(report: BenchmarkReport) -> BenchmarkReport:
    rows = tuple(replace(row, microseconds_per_problem=0, timing={}) for row in report.rows)
    return replace(report, rows=rows, environment={})


def test_workers_give_the_same_report_as_one_process_and_none_takes_others_along(
    fake_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    fake_distribution("deadly-net", DEADLY)
    registry = hnetzoo.discover()
    trained = ModelEntry(name="exchangeable", train=True, trainer={"epochs": 1, "batch_size": 64})
    tuned = ModelEntry(name="hungarian-gated", tune={"gate": (0.5, 1.0)})
    # Enough problems for the weighted F1, which imports scikit-learn in the workers.
    wide = Entry(name="doa", label="doa-3", settings={"samples": 3000, "max_doas": 3})
    suite = Suite(models=(tuned, "raising", "hungarian", "hnetgru", trained), datasets=(wide,))
    alone = run_benchmark(suite, registry, options=kept_in(tmp_path / "alone"))
    assert [failed.reason for failed in alone.failed] == ["RuntimeError: no luck"]
    assert len(alone.rows) == 3

    order: list[int] = []
    spread = run_benchmark(
        suite.model_copy(update={"models": (*suite.models, ModelEntry(name="deadly"))}),
        registry,
        options=replace(kept_in(tmp_path / "spread"), workers=2),
        on_result=lambda outcome: order.append(outcome.job.index),
    )
    *others, died = spread.failed
    assert (died.model, died.dataset) == ("deadly", "doa-3")
    assert "the worker process died" in died.reason
    models = {title: model for title, model in spread.models.items() if title != "deadly"}
    assert without_timings(replace(spread, failed=tuple(others), models=models)) == without_timings(alone)
    assert sorted(order) == list(range(6))
    assert len(list((tmp_path / "spread" / "rows").iterdir())) == 3


def test_the_report_says_what_was_solved_and_names_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    hnetzoo.write_problems(folder / "p.npz", hnetzoo.load_dataset("doa", samples=200).load("train", seed=0))
    relative = Entry(name="npz", label="relative", settings={"path": "mine/p.npz", "test_share": 0.25})
    absolute = Entry(name="npz", label="absolute", settings={"path": str(folder / "p.npz"), "test_share": 0.25})
    suite = Suite(models=("greedy",), datasets=(relative, absolute), seeds=(0, 1))
    report = run_benchmark(suite, REGISTRY, options=Options(data=tmp_path))
    assert report.tasks["relative"] == {
        "dataset": "npz",
        "settings": {"path": "mine/p.npz", "test_share": 0.25},
        "sha256": report.tasks["absolute"]["sha256"],
        "problems": 50,
        "block": 1,
        "redrawn": False,
    }
    assert report.tasks["absolute"]["settings"]["path"] == "p.npz"
    assert report.tasks["absolute"]["sha256"].keys() == {"0", "1"}
    assert str(tmp_path) not in json.dumps(report.to_json())
    assert [row.f1 for row in report.rows[:2]] == [row.f1 for row in report.rows[2:]]


def test_a_wrong_name_stops_everything_before_anything_runs() -> None:
    told: list[object] = []
    with pytest.raises(hnetzoo.UnknownNameError, match="gredy"):
        run_benchmark(Suite(models=("hungarian", "gredy"), datasets=(SMALL_DOA,)), REGISTRY, on_result=told.append)
    assert told == []
