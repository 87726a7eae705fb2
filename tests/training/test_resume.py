"""Training is resumed with bitwise equal results, wherever it was interrupted or killed."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

import hnetzoo
from hnetzoo.registry.components import configure
from hnetzoo.training.observer import NullObserver
from tests.training.train import REGISTRY, Recorder, acme_trainer, final_state, metrics, train, weights


@pytest.mark.parametrize("die_after", [0, 1, 3])
@pytest.mark.parametrize("resample", [False, True])
def test_interrupted_training_resumes_to_equal_weights(tmp_path: Path, die_after: int, resample: bool) -> None:
    train(tmp_path / "whole", epochs=4, resample=resample)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after), epochs=4, resample=resample)
    train(tmp_path / "cut", epochs=4, resample=resample, resume=True)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_a_training_on_problems_of_many_sizes_learns_and_resumes_to_equal_weights(tmp_path: Path) -> None:
    parts = (
        {"dataset": "doa", "settings": {"samples": 600}},
        {"dataset": "doa-tracks", "settings": {"max_doas": 6, "samples": 600}},
    )
    sizes = {
        "model": configure(REGISTRY.model("exchangeable"), {"channels": 8, "layers": 1}),
        "dataset": configure(REGISTRY.dataset("mixture"), {"parts": parts, "samples": 600}),
        "trainer": configure(REGISTRY.trainer("exchangeable"), {"epochs": 4, "pairs_per_batch": 256}),
    }
    whole = train(tmp_path / "whole", **sizes)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(1), **sizes)
    train(tmp_path / "cut", resume=True, **sizes)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    first, *_, last = metrics(tmp_path / "whole")
    assert last["losses"]["cell"] < 0.9 * first["losses"]["cell"]  # type: ignore[index]
    assert whole.last.validation["f1"] == last["validation"]["f1"]  # type: ignore[index]


def test_resume_skips_a_damaged_checkpoint_and_gives_equal_weights(tmp_path: Path) -> None:
    train(tmp_path / "whole", epochs=4)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=3), epochs=4)
    newest = tmp_path / "cut" / "checkpoints" / "epoch-000003" / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    recorder = Recorder()
    train(tmp_path / "cut", recorder, epochs=4, resume=True)
    assert [record.epoch for record in recorder.records] == [3, 4]
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")


def test_resuming_a_finished_training_trains_nothing(tmp_path: Path) -> None:
    first = train(tmp_path / "run")
    recorder = Recorder()
    again = train(tmp_path / "run", recorder, resume=True)
    assert recorder.steps == 0
    assert (again.last, again.test.f1) == (first.last, first.test.f1)


def test_resuming_a_finished_training_writes_nothing_even_without_its_checkpoints(tmp_path: Path) -> None:
    first = train(tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").rglob("tensors.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    held = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*") if path.name != ".lock"}
    assert train(tmp_path / "run", resume=True).last == first.last
    assert held == {path: path.stat().st_mtime_ns for path in held}


@pytest.mark.parametrize("name", ["best.safetensors", "run.json", "metrics.jsonl"])
def test_resuming_a_finished_training_with_a_damaged_file_is_refused(tmp_path: Path, name: str) -> None:
    train(tmp_path / "run")
    damaged = tmp_path / "run" / name
    content = damaged.read_bytes()
    damaged.write_bytes(content[:-9] + bytes([content[-9] ^ 0x40]) + content[-8:])
    with pytest.raises(hnetzoo.CheckpointError, match=name):
        train(tmp_path / "run", resume=True)


def test_a_finished_training_is_extended_by_a_schedule_of_its_own(tmp_path: Path) -> None:
    short = train(tmp_path / "run", epochs=2)
    recorder = Recorder()
    longer = train(tmp_path / "run", recorder, epochs=5, resume=True)
    assert [record.epoch for record in recorder.records] == [3, 4, 5]
    lines = metrics(tmp_path / "run")
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[1]["best_f1"] == short.last.best_f1 <= longer.last.best_f1
    rates = [line["learning_rate"] for line in lines]
    assert rates[1] < 0.01 * max(rates), "the first schedule has ended"
    assert rates[2] > 100 * rates[1], "and another begins"
    assert rates[4] < 0.01 * max(rates)


def test_an_extension_that_is_interrupted_resumes_to_equal_weights(tmp_path: Path) -> None:
    for name in ("whole", "cut"):
        train(tmp_path / name, epochs=2)
    train(tmp_path / "whole", epochs=5, resume=True)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(1), epochs=5, resume=True)
    train(tmp_path / "cut", epochs=5, resume=True)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_fewer_epochs_than_before_are_another_training(tmp_path: Path) -> None:
    train(tmp_path / "run", epochs=2)
    with pytest.raises(hnetzoo.ConfigError, match=r"differs in trainer\.epochs"):
        train(tmp_path / "run", epochs=1, resume=True)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
import torch
from tests.training.train import train
torch.set_num_threads(1)
train(Path({out!r}), epochs=12, resume=True)
"""


def test_training_killed_at_ten_random_moments_gives_equal_weights(tmp_path: Path) -> None:
    train(tmp_path / "whole", epochs=12)
    code = KILLED.format(root=str(Path(__file__).parents[2]), out=str(tmp_path / "killed"))
    moments = random.Random(0)
    kills = 0
    while not (tmp_path / "killed" / "result.json").exists():
        process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "OMP_NUM_THREADS": "1"})
        if kills < 10:
            _wait_for_change(tmp_path / "killed", process)
            time.sleep(moments.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        else:
            assert process.wait() == 0
    assert final_state(tmp_path / "killed") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "killed") == metrics(tmp_path / "whole")


def _wait_for_change(run: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the process writes, so that it is killed while training and not while importing."""
    before = _written(run)
    while _written(run) == before and process.poll() is None:
        time.sleep(0.005)


def _written(run: Path) -> list[str]:
    try:
        return sorted(path.name for path in run.rglob("*")) if run.exists() else []
    except FileNotFoundError:  # a folder was deleted while it was listed
        return ["changing"]


def test_a_small_third_party_trainer_can_be_resumed(tmp_path: Path, acme: hnetzoo.Registry) -> None:
    trainer = acme_trainer(acme, "tenlines")
    train(tmp_path / "whole", trainer=trainer, registry=acme)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=1), trainer=trainer, registry=acme)
    train(tmp_path / "cut", trainer=trainer, resume=True, registry=acme)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")


def test_resuming_is_an_error_if_every_checkpoint_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "run", Recorder(die_after=2))
    for path in (tmp_path / "run" / "checkpoints").rglob("tensors.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    recorder = Recorder()
    with pytest.raises(
        hnetzoo.CheckpointError, match=r"no checkpoint in '.*' is intact \(.*\); start over with --fresh"
    ):
        train(tmp_path / "run", recorder, resume=True)
    assert recorder.steps == 0
    train(tmp_path / "run", recorder, fresh=True)
    assert len(recorder.records) == 3


def test_a_training_is_resumed_with_its_first_number_of_threads_and_restores_it(tmp_path: Path) -> None:
    torch.set_num_threads(2)
    train(tmp_path / "whole", epochs=2)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=1), epochs=2)
    torch.set_num_threads(1)
    during: list[int] = []

    class Looks(NullObserver):
        def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
            during.append(torch.get_num_threads())

    train(tmp_path / "cut", Looks(), epochs=2, resume=True)
    assert set(during) == {2}
    assert torch.get_num_threads() == 1
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
