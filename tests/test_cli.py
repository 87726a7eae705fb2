"""The command line as its users meet it: output, errors, exit codes."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import hnetzoo
from hnetzoo.cli import app as app_module
from hnetzoo.results import BenchmarkReport

# A shell that starts the tests in the background has interrupts ignored, and processes inherit that.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from hnetzoo.cli.app import main; main()"
)
TINY = ["--set", "dataset.samples=[20,40,60]", "--epochs", "1", "--batch-size", "32"]


class Outcome:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Outcome]:
    """Return a function that runs a command in an empty folder, as `hnetzoo ARGUMENTS` would."""
    monkeypatch.chdir(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["hnetzoo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app_module.main()
        signal.signal(signal.SIGTERM, handler)
        out, err = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    return call


Run = Callable[..., Outcome]


def test_list_names_everything_registered(run: Run) -> None:
    plain, document = run("list"), json.loads(run("list", "--json").out)
    for entry in document["entries"]:
        assert entry["name"] in plain.out
    assert {entry["name"] for entry in document["entries"]} >= {"hnetgru", "hungarian", "doa", "npz", "hnet"}
    assert {entry["kind"] for entry in json.loads(run("list", "trainers", "--json").out)["entries"]} == {"trainer"}


@pytest.mark.parametrize("name", ["hnetgru", "doa-reference", "hnet", "npz", "hungarian"])
def test_show_gives_settings_with_type_default_and_help(run: Run, name: str) -> None:
    document = json.loads(run("show", name, "--json").out)
    plain = run("show", name).out
    for setting in document["settings"]:
        assert setting["help"], setting
        assert setting["key"] in plain
    assert "distribution" in document


def test_doctor_reports_every_plugin(run: Run) -> None:
    document = json.loads(run("doctor", "--json").out)
    assert {plugin["state"] for plugin in document["plugins"]} == {"loaded"}
    assert document["versions"]["torch"]
    assert "hnetzoo:hnetgru" in run("doctor").out


def test_train_prints_a_line_per_epoch_the_test_result_and_the_next_command(run: Run) -> None:
    outcome = run("train", "hnetgru", *TINY, "--out", "r")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[1].startswith("epoch 1/1  train ")
    for part in ("eval ", "loss ", "(cell ", "row ", "column ", "validation ", "F1 ", "best ", "(epoch 1)"):
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


def test_json_is_one_document_and_nothing_else(run: Run) -> None:
    outcome = run("train", "hnetgru", *TINY, "--out", "r", "--json")
    assert json.loads(outcome.out)["test"]["dataset"] == "doa-reference"
    assert outcome.err == ""
    outcome = run("benchmark", "--model", "greedy", "--dataset", "doa", "--json", "-")
    assert json.loads(outcome.out)["schema"] == 1
    assert outcome.err == ""


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


def test_benchmark_writes_json_and_markdown(run: Run, tmp_path: Path) -> None:
    outcome = run("benchmark", "--model", "greedy", "--dataset", "doa", "--json", "b.json", "--markdown", "b.md")
    report = BenchmarkReport.read(tmp_path / "b.json")
    assert [row.model for row in report.rows] == ["greedy"]
    assert "| greedy |" in (tmp_path / "b.md").read_text()
    assert "greedy" in outcome.out
    assert "doa, seed 0: greedy F1 " in outcome.err


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


def fails(outcome: Outcome, code: int, *parts: str) -> None:
    """Check an expected failure: exit code, one stderr line, nothing on stdout."""
    assert outcome.code == code, outcome.err
    assert outcome.err.startswith("hnetzoo: error: ")
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""
    for part in parts:
        assert part in outcome.err


@pytest.mark.parametrize(
    ("arguments", "code", "parts"),
    [
        (["train", "hnet-gru"], 2, ["unknown model 'hnet-gru'; did you mean 'hnetgru'?", "run 'hnetzoo list'"]),
        (["show", "hungaran"], 2, ["unknown name 'hungaran'; did you mean 'hungarian'?"]),
        (["train", "hnetgru", "--dataset", "dao"], 2, ["unknown dataset 'dao'; did you mean 'doa'?"]),
        (
            ["train", "hnetgru", "--set", "trainer.learningrate=1"],
            2,
            ["unknown setting 'trainer.learningrate'; did you mean 'trainer.learning_rate'?", "show hnet"],
        ),
        (["train", "hnetgru", "--set", "trainer.epochs=many"], 2, ["trainer.epochs = 'many'", "valid integer"]),
        (["train", "hnetgru", "--epochs", "0"], 2, ["trainer.epochs = 0", "greater than 0"]),
        (["train", "hnetgru", "--set", "epochs=3"], 2, ["'epochs=3' is not of the form section.key=value"]),
        (["train", "hnetgru", "--config", "none.toml"], 2, ["'none.toml' (No such file or directory)"]),
        (["train", "hnetgru", "--device", "abacus"], 2, ["device 'abacus' cannot be used", "choose cpu, or auto"]),
        (["benchmark", "--model", "run:nowhere"], 4, ["'nowhere' is not a run directory"]),
        (["benchmark", "--model", "hnetgru@big"], 2, ["unknown variant of hnetgru 'big'"]),
        (["benchmark", "--suite", "s.toml", "--seed", "1"], 2, ["--suite names models, datasets and seeds"]),
        (["benchmark", "--set", "model.gate=1"], 2, ["takes settings of datasets, dataset.*"]),
        (["benchmark", "--model", "gredy"], 2, ["unknown model 'gredy'; did you mean 'greedy'?"]),
        (["benchmark", "--dataset", "npz", "--set", "dataset.path=no.npz"], 2, ["'no.npz' does not exist"]),
        (["benchmark", "--json", "no/where.json"], 2, ["folder 'no' does not exist"]),
        (["generate", "doa", "--out", "p.csv"], 2, ["'p.csv' does not end in .npz"]),
        (["associate", "hnetgru", "none.npy"], 4, ["cannot read 'none.npy'", "No such file"]),
        (["associate", "hnetgru", "d.txt"], 2, ["'d.txt' is of no known kind"]),
    ],
)
def test_expected_failures_are_one_line_with_their_exit_code(
    run: Run, arguments: list[str], code: int, parts: list[str]
) -> None:
    fails(run(*arguments), code, *parts)


def test_array_of_the_wrong_shape_is_bad_data(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros((5, 2, 3)))
    fails(run("associate", "hnetgru", "wide.npy"), 4, "problems are 2 x 3; these weights are for 2 x 2")
    np.save(tmp_path / "flat.npy", np.zeros(5))
    fails(
        run("associate", "hungarian", "flat.npy"), 4, "flat.npy': distance is float64 [5]; expected numbers [b, n, m]"
    )


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


def test_unknown_option_is_a_usage_error(run: Run) -> None:
    outcome = run("train", "hnetgru", "--epoch", "3")
    assert outcome.code == 2
    assert "--epoch" in outcome.err


def test_broken_plugin_is_listed_and_exits_3_when_used(run: Run, fake_distribution: Callable[..., Path]) -> None:
    fake_distribution("acme-net", "raise RuntimeError('no luck')", entry_point="acme")
    listed = run("list")
    assert listed.code == 0
    assert "warning: plugin acme-net:acme did not load (RuntimeError: no luck); see 'hnetzoo doctor'" in listed.err
    assert "Traceback" in run("doctor").out
    fails(run("train", "acme"), 3, "plugin acme-net:acme did not load", "hnetzoo doctor")


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(28, "No space left on device"), RuntimeError("DefaultCPUAllocator: not enough memory")],
)
def test_running_out_of_memory_or_disk_exits_5(error: Exception) -> None:
    assert app_module._exhausted(error)
    assert not app_module._exhausted(RuntimeError("a bug"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_training_exits_with_its_code_and_can_be_resumed(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-c", INTERRUPTIBLE, "train", "hnetgru", "--out", "r"]
    options = [*TINY[:2], "--epochs", "400", "--batch-size", "32"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *options], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not list((tmp_path / "r").glob("checkpoints/epoch-*")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "hnetzoo: interrupted; continue with the same command and --resume" in err


def test_check_lists_every_check_and_exits_0_when_all_is_well(run: Run) -> None:
    outcome = run("check", "hungarian")
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1].startswith("model hungarian: ")
    assert ", 0 failed, " in outcome.out
    assert "tagged 'non-learned'" in outcome.out
    document = json.loads(run("check", "exchangeable", "--json").out)
    assert {check["kind"] for check in document["checks"]} == {"model", "trainer"}
    assert document["failed"] == 0
    assert document["passed"] + document["skipped"] == len(document["checks"])


def test_check_exits_1_and_shows_why_with_the_smallest_input(run: Run, fake_distribution: Callable[..., Path]) -> None:
    spec = (
        "hnetzoo.ModelSpec(name='ordered-rows', summary='Loud.', target='tests.testing.models:OrderedRows',"
        " config='tests.testing.settings:Sound', citation=hnetzoo.Citation(authors='A', title='T', year=2000))"
    )
    hook = f"@hnetzoo.hookimpl\ndef hnetzoo_models():\n    return [{spec}]\n"
    fake_distribution("acme-net", f"import hnetzoo\n{hook}")
    outcome = run("check", "ordered-rows")
    assert outcome.code == 1
    assert "failed check_row_equivariance: rows in the order [1, 0] get other answers" in outcome.out
    assert "  smallest input tried: distance [[" in outcome.out
    assert "model ordered-rows: 3" in outcome.out
    outcome = run("check", "ordered-rows", "--json")
    assert outcome.code == 1
    (failed,) = [check for check in json.loads(outcome.out)["checks"] if check["outcome"] == "failed"]
    assert failed["check"] == "check_row_equivariance"
    assert len(failed["input"]["distance"]) == 2


def test_check_takes_settings(run: Run, tmp_path: Path) -> None:
    run("generate", "doa", "--out", "p.npz", "--split", "all", "--set", "dataset.samples=100")
    document = json.loads(run("check", "npz", "--set", "dataset.path=p.npz", "--json").out)
    assert document["failed"] == 0
    assert document["passed"] > 14
    fails(run("check", "nothing-of-that-name"), 2, "unknown name 'nothing-of-that-name'")
    fails(run("check", "doa", "--set", "dataset.sample=3"), 2, "did you mean 'dataset.samples'?")
    fails(run("check", "doa", "--set", "model.hidden_size=3"), 2, "'doa' is no model; leave out --set model.*")


SLOW = """
import os, time
import torch
import hnetzoo

class Slow(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()

    def forward(self, distance, row_mask=None, col_mask=None):
        open("slow-" + str(os.getpid()), "w").close()
        time.sleep(600)

class Raising(Slow):
    def forward(self, distance, row_mask=None, col_mask=None):
        raise RuntimeError("no luck")

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name=name.lower(), summary="", target=f"slow_net:{name}", config="hnetzoo:Config",
                              tags={"non-learned"}) for name in ("Slow", "Raising")]
"""
SMALL = ["--dataset", "doa", "--set", "dataset.samples=300"]


def test_a_failing_cell_exits_1_after_the_others_are_reported(
    run: Run, fake_distribution: Callable[..., Path], tmp_path: Path
) -> None:
    fake_distribution("slow-net", SLOW)
    command = ["benchmark", "--model", "raising", "--model", "greedy", *SMALL, "--json", "b.json", "--markdown", "b.md"]
    outcome = run(*command)
    assert outcome.code == 1
    assert "doa, seed 0: raising RuntimeError: no luck" in outcome.err
    assert "hnetzoo: 1 cells failed" in outcome.err
    assert "Traceback" not in outcome.err
    report = BenchmarkReport.read(tmp_path / "b.json")
    assert [row.model for row in report.rows] == ["greedy"]
    assert [(failed.model, failed.reason) for failed in report.failed] == [("raising", "RuntimeError: no luck")]
    for text in (outcome.out, (tmp_path / "b.md").read_text()):
        assert "RuntimeError: no luck" in " ".join(text.split())


def test_cells_of_a_suite_are_kept_and_fresh_computes_them_anew(run: Run, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('models = ["greedy"]\ndatasets = [{name = "doa", settings = {samples = 300}}]\n')
    assert "(kept)" not in run("benchmark", "--suite", "s.toml").err
    assert len(list((tmp_path / "runs" / "benchmark" / "cells").iterdir())) == 1
    assert "greedy F1" in (second := run("benchmark", "--suite", "s.toml").err)
    assert "(kept)" in second
    assert "(kept)" not in run("benchmark", "--suite", "s.toml", "--fresh").err
    assert "(kept)" in run("benchmark", "--model", "greedy", *SMALL, "--runs", "runs/benchmark").err


def test_a_benchmark_without_suite_or_training_keeps_nothing(run: Run, tmp_path: Path) -> None:
    run("benchmark", "--model", "greedy", *SMALL)
    assert list(tmp_path.iterdir()) == []


def test_data_is_the_folder_of_relative_paths(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    run("generate", "doa", "--out", "data/p.npz", "--set", "dataset.samples=300")
    command = ["benchmark", "--model", "greedy", "--dataset", "npz", "--set", "dataset.path=p.npz"]
    fails(run(*command), 2, "'p.npz' does not exist")
    assert run(*command, "--data", "data").code == 0


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_benchmark_exits_130_at_once_and_keeps_what_is_finished(
    tmp_path: Path, fake_distribution: Callable[..., Path], jobs: int
) -> None:
    site = fake_distribution("slow-net", SLOW).parent
    paths = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "benchmark", "--model", "hungarian", "--model", "slow", *SMALL,
         "--runs", "r", "--jobs", str(jobs)],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    cells = tmp_path / "r" / "cells"
    try:
        while not (list(cells.glob("*.json")) and list(tmp_path.glob("slow-*"))) and process.poll() is None:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "hnetzoo: interrupted; what is finished is kept under r" in err
    (finished,) = cells.iterdir()
    assert json.loads(finished.read_text())["model"] == "hungarian"
    (worker,) = (int(path.name.partition("-")[2]) for path in tmp_path.glob("slow-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
