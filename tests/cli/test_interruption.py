"""Interrupted commands end at once, with the exit code of the signal, and keep finished work."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# A shell that starts the tests in the background ignores interrupts, and child processes inherit that.
INTERRUPTIBLE = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from hnetzoo.cli import main; main()"
)
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

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="slow", summary="", target="slow_net:Slow", config="hnetzoo:Config",
                              tags={"non-learned"})]
"""
SMALL = ["--dataset", "doa", "--set", "dataset.samples=300"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_training_exits_with_its_code_and_can_be_resumed(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-c", INTERRUPTIBLE, "train", "hnetgru", "--out", "r"]
    options = ["--set", "dataset.samples=[20,40,60]", "--epochs", "400", "--batch-size", "32"]
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


@pytest.mark.parametrize(("jobs", "interrupts"), [(1, 1), (2, 1), (2, 2)])
def test_interrupted_benchmark_exits_130_at_once_and_keeps_finished_rows(
    tmp_path: Path, fake_distribution: Callable[..., Path], jobs: int, interrupts: int
) -> None:
    site = fake_distribution("slow-net", SLOW).parent
    paths = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "benchmark", "--model", "hungarian", "--model", "slow", *SMALL,
         "--runs", "r", "--jobs", str(jobs)],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    rows = tmp_path / "r" / "rows"
    try:
        while not (list(rows.glob("*.json")) and list(tmp_path.glob("slow-*"))) and process.poll() is None:
            time.sleep(0.05)
        for _ in range(interrupts):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to the workers too
            time.sleep(0.005)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "hnetzoo: interrupted; finished work is kept under r" in err
    (finished,) = rows.iterdir()
    assert json.loads(finished.read_text())["model"] == "hungarian"
    (worker,) = (int(path.name.partition("-")[2]) for path in tmp_path.glob("slow-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
