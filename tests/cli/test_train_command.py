"""Command `train` prints progress and the next command, and protects its run directory from mistakes."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.training.runs import read_run
from tests.cli.outcome import Run, fails

TINY = ["--set", "dataset.samples=[20,40,60]", "--epochs", "1", "--batch-size", "32"]


def test_train_prints_a_line_per_epoch_the_test_result_and_the_next_command(run: Run) -> None:
    outcome = run("train", "hnetgru", *TINY, "--out", "r")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith("training hnetgru on cpu: 100,098 parameters, ")
    assert lines[0].endswith(" 2,520 problems, 252 for validation, 1 epoch of 78 steps")
    assert lines[1].startswith("epoch 1/1  loss ")
    for part in ("train ", "eval ", "loss ", "(cell ", "row ", "column ", "validation ", "F1 ", "best ", "(epoch 1)"):
        assert part in lines[1]
    assert lines[2].startswith("best epoch 1: validation F1 ")
    assert lines[3].startswith("test: F1 ")
    assert lines[-1] == (
        "next: hnetzoo benchmark --model hungarian --model run:r --dataset doa-reference "
        "--set 'dataset.samples=[20,40,60]'"
    )
    ranked = run(*shlex.split(lines[-1].removeprefix("next: hnetzoo ")))
    assert ranked.code == 0
    assert "run:r" in ranked.out


def test_a_quiet_training_prints_its_results_alone(run: Run) -> None:
    outcome = run("train", "hnetgru", *TINY, "--out", "r", "-q")
    assert outcome.code == 0
    starts = [line.partition(" ")[0] for line in outcome.out.splitlines()]
    assert starts == ["best", "test:", "saved"]


def test_json_is_one_document_and_nothing_else(run: Run) -> None:
    outcome = run("train", "hnetgru", *TINY, "--out", "r", "--json")
    assert json.loads(outcome.out)["test"]["dataset"] == "doa-reference"
    assert outcome.err == ""
    outcome = run("benchmark", "--model", "greedy", "--dataset", "doa", "--json", "-")
    assert json.loads(outcome.out)["schema"] == 1
    assert outcome.err == ""


def test_train_writes_a_page_of_the_run(run: Run, tmp_path: Path) -> None:
    outcome = run("train", "hnetgru", *TINY, "--out", "r", "--html", "t.html", "--json")
    page = (tmp_path / "t.html").read_text()
    assert "<h1>hnetgru trained on doa-reference</h1>" in page
    assert f"<dd>{json.loads(outcome.out)['test']['f1']:.4f}<small>" in page


def test_a_page_that_cannot_be_written_is_refused_before_training(run: Run, tmp_path: Path) -> None:
    fails(run("train", "hnetgru", *TINY, "--out", "r", "--html", "none/t.html"), 2, "cannot write 'none/t.html'")
    assert not (tmp_path / "r").exists()


def test_dry_run_shows_settings_and_trains_nothing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("[trainer]\nlearning_rate = 0.5\nepochs = 7\n")
    outcome = run("train", "hnetgru", "--config", "c.toml", "--epochs", 3, "--dry-run", "--json")
    settings = json.loads(outcome.out)["settings"]
    assert (settings["trainer"]["learning_rate"], settings["trainer"]["epochs"]) == (0.5, 3)
    assert "Nothing was trained" in run("train", "hnetgru", "--dry-run").out
    assert not (tmp_path / "runs").exists()


def test_generated_file_is_trained_on(run: Run) -> None:
    generated = run("generate", "doa", "--out", "p.npz", "--split", "all", "--set", "dataset.samples=600")
    assert generated.out == "wrote 720 problems of 2 x 2 (all, seed 0) to p.npz\n"
    stored = hnetzoo.read_problems("p.npz")
    assert stored.split is not None
    assert stored.split.bincount().tolist() == [600, 60, 60]
    outcome = run(
        "train", "hnetgru", "--dataset", "npz", "--set", "dataset.path=p.npz", "--epochs", 1, "--out", "r", "--json"
    )
    assert json.loads(outcome.out)["test"]["problems"] == 60
    ranked = run("benchmark", "--model", "run:r", "--dataset", "npz", "--set", "dataset.path=p.npz", "--json", "-")
    assert json.loads(ranked.out)["rows"][0]["f1"] == json.loads(outcome.out)["test"]["f1"]


def test_corrupt_checkpoint_is_named(run: Run, tmp_path: Path) -> None:
    run("train", "hnetgru", *TINY, "--out", "r", "--json")
    (tmp_path / "r" / "best.safetensors").write_bytes(b"broken")
    fails(run("benchmark", "--model", "run:r"), 4, "cannot read weights 'r/best.safetensors'")


def test_run_directory_of_another_training_is_refused(run: Run) -> None:
    run("train", "hnetgru", *TINY, "--out", "r", "--json")
    fails(run("train", "hnetgru", *TINY, "--out", "r"), 2, "already holds this training; continue with --resume")
    fails(
        run("train", "hnetgru", *TINY, "--seed", "1", "--out", "r", "--resume"),
        2,
        "already holds another training (hnetgru; differs in",
        "seed",
        "start over with --fresh",
    )
    assert run("train", "hnetgru", *TINY, "--seed", "1", "--out", "r", "--fresh", "--json").code == 0


def test_a_training_writes_the_scope_of_what_it_saw(run: Run) -> None:
    command = ("train", "exchangeable", "--dataset", "doa-tracks", "--set", "dataset.samples=3000", "--epochs", "1")
    assert run(*command, "--out", "r").code == 0
    scope = json.loads(run("show", "run:r", "--json").out)["scope"]
    assert (scope["slots"], scope["masks"], scope["unit"], scope["truth"]) == ([1, 4], True, "chord", "identity")
    assert (scope["tasks"], scope["seeds"]) == (["doa-tracks"], [0])
    assert "1-4 slots, masks, 0..2 chord, identity" in run("show", "run:r").out


DOA = ("--dataset", "doa", "--set", "dataset.samples=2000", "--epochs", "1", "--batch-size", "200")


def test_training_starts_from_given_weights_and_records_them(run: Run, tmp_path: Path) -> None:
    fine = ("--set", "trainer.learning_rate=1e-9", "--json")
    found = json.loads(run("train", "exchangeable", *DOA, *fine, "--init", "exchangeable@default", "--out", "r").out)
    expected = run("benchmark", "--model", "exchangeable", *DOA[:4], "--json", "-")
    (row,) = json.loads(expected.out)["rows"]
    assert found["test"]["f1"] == row["f1"]
    record = json.loads((tmp_path / "r" / "run.json").read_text())
    assert record["init"]["weights"] == "pretrained:default"
    assert len(record["init"]["sha256"]) == 64
    again = json.loads(run("train", "exchangeable", *DOA, *fine, "--init", "run:r", "--out", "s").out)
    assert again["test"]["f1"] == row["f1"]
    fails(run("train", "exchangeable", *DOA, *fine, "--out", "r", "--resume"), 2, "differs in init")


def test_weights_of_another_model_or_settings_are_refused_as_a_start(run: Run) -> None:
    fails(
        run("train", "exchangeable", *DOA, "--init", "dhn@default", "--out", "r"),
        2,
        "weights of dhn and not of exchangeable",
    )
    wide = ("--set", "model.channels=8")
    fails(run("train", "exchangeable", *DOA, *wide, "--init", "exchangeable@default", "--out", "r"), 4, "do not fit")
    fails(run("train", "exchangeable", *DOA, "--init", "exchangeable@best", "--out", "r"), 2, "unknown variant")


def test_a_training_that_is_worse_than_the_exact_solver_says_so_and_what_to_try(run: Run, tmp_path: Path) -> None:
    settings = ("--set", "dataset.samples=2000", "--set", "trainer.learning_rate=1e-9", "--epochs", "1")
    outcome = run("train", "hnetgru", "--dataset", "lsap", *settings, "--out", "r")
    assert outcome.code == 0
    assert "; train longer (--epochs), try another rate" in outcome.err
    line = json.loads((tmp_path / "r" / "metrics.jsonl").read_text())
    assert line["exact_solver_f1"] == 1.0, "the truth of lsap is the exact assignment"
    good = run("train", "exchangeable", *DOA, "--init", "exchangeable@default", "--out", "s", "--json")
    assert json.loads(good.out)["shortfall"] == ""


def test_a_training_records_the_settings_that_it_took_from_its_problems(run: Run, tmp_path: Path) -> None:
    run("train", "hnetgru", *TINY, "--out", "r", "--json")
    scale = json.loads((tmp_path / "r" / "run.json").read_text())["settings"]["model"]["distance_scale"]
    assert scale > 0
    assert hnetzoo.load_model("run:r").distance_scale == scale
    assert run("train", "hnetgru", *TINY, "--out", "r", "--resume").code == 0
    started = run("train", "hnetgru", *TINY, "--init", "hnetgru@default", "--out", "s", "--json")
    assert started.code == 0
    assert json.loads((tmp_path / "s" / "run.json").read_text())["settings"]["model"]["distance_scale"] is None


def test_a_training_without_patience_left_stops_says_so_and_is_not_resumed(run: Run, tmp_path: Path) -> None:
    flat = (*TINY, "--epochs", "9", "--batch-size", "128", "--set", "trainer.learning_rate=1e-12", "--out", "r")
    stopped = run("train", "hnetgru", *flat, "--patience", "2")
    assert "stopped after epoch 3: no better F1 for 2 epochs (trainer.patience)" in stopped.out.splitlines()
    assert re.search(r"^best epoch 1: validation F1 0\.\d{4}, stopped after epoch 3$", stopped.out, re.MULTILINE)
    again = run("train", "hnetgru", *flat, "--patience", "2", "--resume", "--json")
    assert json.loads(again.out)["stopped"] == 3
    assert len((tmp_path / "r" / "metrics.jsonl").read_text().splitlines()) == 3
    fails(run("train", "hnetgru", *flat, "--patience", "0"), 2, "trainer.patience = 0")


def test_closing_lines_fit_80_columns_but_for_the_command_to_copy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = run("train", "forest", "--set", "dataset.samples=100", "--set", "model.trees=2", "--out", "r")
    assert outcome.code == 0
    *lines, command = outcome.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert command.startswith("next: hnetzoo benchmark ")


def test_two_trainings_in_one_directory_give_one_result(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from hnetzoo.cli import main; main()", "train", "hnetgru", "--out", "run"]
    options = ["--set", "dataset.samples=[20,40,60]", "--epochs", "40", "--batch-size", "32"]
    started = [
        subprocess.Popen([*command, *options, "--seed", str(seed), *fresh], cwd=tmp_path,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for seed, fresh in ((3, []), (4, ["--fresh"]))
    ]  # fmt: skip
    ended = [process.communicate() for process in started]
    codes = [process.returncode for process in started]
    assert sorted(codes) == [0, 2], ended
    assert re.search(r"in use by process \d+|already holds another training", ended[codes.index(2)][1])
    assert read_run(tmp_path / "run").seed == (3, 4)[codes.index(0)]
