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


def test_workers_of_a_killed_benchmark_end_by_themselves(
    tmp_path: Path, fake_distribution: Callable[..., Path]
) -> None:
    site = fake_distribution("slow-net", SLOW).parent
    paths = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", INTERRUPTIBLE, "benchmark", "--model", "slow", *SMALL, "--jobs", "2"]
    process = subprocess.Popen([*command, "--seed", "0", "--seed", "1"], cwd=tmp_path,
                               env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    while len(list(tmp_path.glob("slow-*"))) < 2 and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    workers = [int(path.name.partition("-")[2]) for path in tmp_path.glob("slow-*")]
    assert len(workers) == 2
    deadline = time.monotonic() + 10
    while any(map(_runs, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(_runs, workers))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("when", ["module", "settings"])
def test_a_signal_while_a_plugin_is_imported_ends_the_command(
    tmp_path: Path, fake_distribution: Callable[..., Path], number: signal.Signals, code: int, when: str
) -> None:
    wait = "import time; open('importing', 'w').close(); time.sleep(600)\n"
    code_of_plugin = wait if when == "module" else SLOW.replace('"hnetzoo:Config"', '"late_settings:Config"')
    site = fake_distribution("slow-net", code_of_plugin).parent
    (site / "late_settings.py").write_text(wait)
    paths = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "show", "slow"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "importing").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "Traceback" not in err


def test_an_interrupt_while_the_command_line_is_imported_ends_it_without_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import time; open('importing', 'w').close(); time.sleep(600)\n")
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "list"], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "importing").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
