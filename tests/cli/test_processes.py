"""`hnetzoo train --processes` starts the processes, and starts them anew when one is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hnetzoo.training.ranks import ATTEMPT
from tests.cli.outcome import Run, fails
from tests.training.train import final_state, metrics, weights

TRAIN = ["train", "hnetgru", "--set", "dataset.samples=[20,40,60]", "--set", "model.hidden_size=16",
         "--batch-size", "32", "--device", "cpu"]  # fmt: skip


def test_a_killed_process_is_replaced_and_the_training_ends_with_the_bits_of_one_left_alone(
    tmp_path: Path, run: Run
) -> None:
    command = [*TRAIN, "--processes", "2", "--epochs", "5"]
    process = subprocess.Popen([sys.executable, "-m", "hnetzoo", *command, "--out", "cut"], cwd=tmp_path,
                               env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    while not list((tmp_path / "cut").glob("checkpoints/epoch-*")) and process.poll() is None:
        time.sleep(0.02)
    os.kill(_ranks(process.pid)["1"], signal.SIGKILL)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "(SIGKILL); all 2 start again from the newest checkpoint" in err
    assert "Traceback" not in err
    assert out.count("test: F1") == 1
    done = run(*command, "--out", "whole", "--quiet")
    assert (done.code, done.err) == (0, "")
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    record = json.loads((tmp_path / "cut" / "run.json").read_text())
    assert (record["processes"], record["threads"]) == (2, 1)


def _ranks(parent: int) -> dict[str, int]:
    """Return the child processes of a process by their RANK."""
    children = map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())
    environments = {child: Path(f"/proc/{child}/environ").read_text().split("\0") for child in children}
    return {entry[5:]: child for child, entries in environments.items() for entry in entries if entry[:5] == "RANK="}


def test_models_and_batches_that_cannot_be_shared_are_refused(run: Run) -> None:
    fails(run("train", "forest", "--processes", 2), 2, "'forest' is fitted without steps", "leave out --processes")
    fails(run(*TRAIN, "--batch-size", 3, "--processes", 4), 2, "4 processes exceed the 3 problems of a batch")
    fails(run(*TRAIN, "--seeds", "0,1", "--processes", 2), 2, "--seeds trains each seed in one process")


def test_processes_are_as_many_as_torchrun_has_started(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("hnetzoo.cli.processes.prepare_process", lambda ranks: None)
    fails(run(*TRAIN, "--processes", 3), 2, "--processes 3 does not fit WORLD_SIZE = 2", "under torchrun")
    shown = run(*TRAIN, "--processes", 2, "--precision", "bfloat16", "--dry-run", "--json")
    described = json.loads(shown.out)
    assert (described["processes"], described["precision"], described["compile"]) == (2, "bfloat16", False)


def test_a_process_that_another_one_leads_is_silent(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setattr("hnetzoo.cli.processes.prepare_process", lambda ranks: None)
    assert run(*TRAIN, "--dry-run") == (0, "", "")


def test_processes_that_nobody_leads_say_how_to_start_them(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    monkeypatch.delenv(ATTEMPT, raising=False)
    monkeypatch.setattr("hnetzoo.cli.processes.prepare_process", lambda ranks: None)
    fails(run(*TRAIN), 2, "cannot join the 2 processes that WORLD_SIZE asks for", "start with torchrun, or with")


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--processes", "0"], "greater than or equal to 1"), (["--precision", "float8"], "'float8' is not one of")],
)
def test_wrong_values_are_refused(run: Run, options: list[str], said: str) -> None:
    outcome = run(*TRAIN, *options)
    assert outcome.code == 2
    assert said in outcome.err
