"""Command `benchmark` writes its report, prints what failed, and keeps finished rows."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hnetzoo.benchmark.results import BenchmarkReport
from tests.cli.outcome import Run, fails

RAISING = """
import torch
import hnetzoo

class Raising(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()

    def forward(self, distance, row_mask=None, col_mask=None):
        raise RuntimeError("no luck")

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="raising", summary="", target="raising_net:Raising", config="hnetzoo:Config",
                              tags={"non-learned"})]
"""
SMALL = ["--dataset", "doa", "--set", "dataset.samples=300"]


def test_benchmark_writes_json_and_markdown(run: Run, tmp_path: Path) -> None:
    outcome = run("benchmark", "--model", "greedy", "--dataset", "doa", "--json", "b.json", "--markdown", "b.md")
    report = BenchmarkReport.read(tmp_path / "b.json")
    assert [row.model for row in report.rows] == ["greedy"]
    assert "| greedy |" in (tmp_path / "b.md").read_text()
    assert "greedy" in outcome.out
    assert "doa, seed 0: greedy F1 " in outcome.err


def test_benchmark_writes_a_page(run: Run, tmp_path: Path) -> None:
    models = [part for name in ("hungarian", "hungarian-gated", "greedy") for part in ("--model", name)]
    outcome = run("benchmark", *models, *SMALL, "--html", "b.html", "--json", "-")
    assert outcome.code == 0
    assert json.loads(outcome.out)["schema"] == 1
    page = (tmp_path / "b.html").read_text()
    assert "<h1>Benchmark of 3 models on 1 task</h1>" in page
    assert "doa: hungarian-gated and greedy differ on " in page
    assert 'id="problem-1"' in page


def test_a_page_that_cannot_be_written_is_refused_before_anything_runs(run: Run) -> None:
    fails(run("benchmark", "--model", "greedy", *SMALL, "--html", "none/b.html"), 2, "cannot write 'none/b.html'")


def test_the_tables_are_written_as_latex(run: Run, tmp_path: Path) -> None:
    assert run("benchmark", "--model", "greedy", *SMALL, "--latex", "b.tex").code == 0
    text = (tmp_path / "b.tex").read_text()
    assert "\ngreedy & " in text
    assert text.count(r"\begin{table}") == text.count(r"\bottomrule") == 3


def test_a_failure_exits_1_after_the_others_are_reported(
    run: Run, fake_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    fake_distribution("raising-net", RAISING)
    command = ["benchmark", "--model", "raising", "--model", "greedy", *SMALL, "--json", "b.json", "--markdown", "b.md"]
    outcome = run(*command)
    assert outcome.code == 1
    assert "doa, seed 0: raising failed\n" in outcome.err
    assert "hnetzoo: 1 failure; --verbose shows where" in outcome.err
    assert "Traceback" not in outcome.err
    report = BenchmarkReport.read(tmp_path / "b.json")
    assert [row.model for row in report.rows] == ["greedy"]
    assert [(failed.model, failed.reason) for failed in report.failed] == [("raising", "RuntimeError: no luck")]
    for text in (outcome.out + outcome.err, (tmp_path / "b.md").read_text()):
        assert " ".join(text.split()).count("RuntimeError: no luck") == 1


def test_a_file_in_the_place_of_the_folder_of_rows_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").touch()
    fails(run("benchmark", "--model", "greedy", *SMALL, "--runs", "rows.csv"), 2, "--runs 'rows.csv' is no folder")


def test_with_workers_a_model_that_ends_its_process_when_built_costs_only_its_row(
    run: Run, fake_distribution: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = fake_distribution("raising-net", RAISING.replace("super().__init__()", "import os; os._exit(1)")).parent
    monkeypatch.setenv("PYTHONPATH", str(site))
    command = ["benchmark", "--model", "raising", "--model", "greedy", *SMALL, "--json", "b.json", "--jobs", "2"]
    assert run(*command).code == 1
    report = BenchmarkReport.read(tmp_path / "b.json")
    assert [row.model for row in report.rows] == ["greedy"]
    assert "the worker process died" in report.failed[0].reason


def test_rows_of_a_suite_are_kept_and_fresh_computes_them_again(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('models = ["greedy"]\ndatasets = [{name = "doa", settings = {samples = 300}}]\n')
    assert "(cached)" not in run("benchmark", "--suite", "s.toml").err
    assert len(list((tmp_path / "runs" / "benchmark" / "rows").iterdir())) == 1
    assert "greedy F1" in (second := run("benchmark", "--suite", "s.toml").err)
    assert "(cached)" in second
    assert "(cached)" not in run("benchmark", "--suite", "s.toml", "--fresh").err
    assert "(cached)" in run("benchmark", "--model", "greedy", *SMALL, "--runs", "runs/benchmark").err


def test_a_model_on_a_suite_runs_beside_its_baseline_and_the_document_says_what_a_reader_needs(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "s.toml").write_text(
        'models = ["greedy", "hungarian"]\nseeds = [0, 1]\ndatasets = [{name = "doa", settings = {samples = 300}}]\n'
    )
    assert run("benchmark", "--suite", "s.toml", "--model", "dual-softmax", "--json", "b.json", "-q").code == 0
    report = BenchmarkReport.read(tmp_path / "b.json")
    assert [(row.model, row.seed) for row in report.rows] == [
        ("hungarian", 0),
        ("dual-softmax", 0),
        ("hungarian", 1),
        ("dual-softmax", 1),
    ]
    assert report.suite == "s"
    assert all(row.outcomes for row in report.rows)
    assert report.models["hungarian"]["weights"] is None
    learned = report.models["dual-softmax"]
    assert (learned["model"], learned["plugin"]) == ("dual-softmax", "hnetzoo:dual-softmax")
    assert (learned["learned"], learned["tuned"], learned["trained"]) == (True, False, False)
    assert (learned["weights"]["name"], len(learned["weights"]["sha256"])) == ("pretrained:default", 64)
    assert learned["weights"]["scope"]["tasks"] == ["doa"]
    assert learned["weights"]["data"].keys() == {"train", "validation"}


def test_fresh_trains_again(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'models = [{name = "exchangeable", train = true, trainer = {epochs = 1, batch_size = 32}}]\n'
        'datasets = [{name = "doa", settings = {samples = 300}}]\n'
    )
    run("benchmark", "--suite", "s.toml")
    (weights,) = (tmp_path / "runs" / "benchmark").glob("exchangeable-*/best.safetensors")
    trained = weights.stat().st_mtime_ns
    run("benchmark", "--suite", "s.toml", "--fresh")
    assert weights.stat().st_mtime_ns != trained


def test_a_file_that_cannot_be_read_is_reported_once_and_not_once_per_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.npz").write_bytes(b"nothing")
    models = ["--model", "greedy", "--model", "hungarian", "--model", "hnetgru"]
    outcome = run("benchmark", *models, "--dataset", "npz", "--set", "dataset.path=bad.npz", "--json", "b.json")
    assert outcome.code == 1
    assert outcome.err.splitlines()[0] == "npz, seed 0: every model failed"
    assert (outcome.out + outcome.err).count("cannot read") == 1
    (failed,) = BenchmarkReport.read(tmp_path / "b.json").failed
    assert failed.model == "*"
    assert "every model, seed 0: cannot read" in " ".join(outcome.out.split())


def test_a_benchmark_without_suite_or_training_keeps_nothing(run: Run, tmp_path: Path) -> None:
    run("benchmark", "--model", "greedy", *SMALL)
    assert list(tmp_path.iterdir()) == []


def test_data_is_the_folder_of_relative_paths(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    run("generate", "doa", "--out", "data/p.npz", "--set", "dataset.samples=300")
    command = ["benchmark", "--model", "greedy", "--dataset", "npz", "--set", "dataset.path=p.npz"]
    fails(run(*command), 2, "'p.npz' does not exist")
    assert run(*command, "--data", "data").code == 0


def test_a_quiet_benchmark_prints_its_tables_and_errors_alone(
    run: Run, fake_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    quiet = run("benchmark", "--model", "greedy", *SMALL, "-q")
    assert (quiet.code, quiet.err) == (0, "")
    assert "greedy" in quiet.out
    fake_distribution("raising-net", RAISING)
    failed = run("benchmark", "--model", "raising", *SMALL, "--quiet")
    assert failed.code == 1
    assert failed.err == "hnetzoo: 1 failure; --verbose shows where in the code\n"
    assert "RuntimeError: no luck" in " ".join(failed.out.split())


def test_compiled_models_are_timed_anew_and_score_the_same(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: original(model, backend="eager"))
    command = ["benchmark", "--model", "hungarian", "--model", "hnetgru", *SMALL, "--runs", "kept", "--json"]
    assert run(*command, "plain.json").code == 0
    assert run(*command, "compiled.json", "--compile").code == 0
    plain, compiled = (json.loads((tmp_path / f"{name}.json").read_text())["rows"] for name in ("plain", "compiled"))
    assert [row["timing"].get("compiled") for row in plain] == [None, None]
    assert [row["timing"]["compiled"] for row in compiled] == [True, True]
    assert [row["f1"] for row in plain] == [row["f1"] for row in compiled]
    assert [row["microseconds_per_problem"] for row in plain] != [row["microseconds_per_problem"] for row in compiled]
    torch.compiler.reset()
