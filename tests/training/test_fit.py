"""The training loop: reproducible, resumable after any death, selecting on validation."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo.benchmark.scoring import load_problems, score
from hnetzoo.registry.components import configure
from hnetzoo.registry.loading import resolve_model
from hnetzoo.training import fit as training
from hnetzoo.training.observer import EpochRecord, Silence
from hnetzoo.training.weights import load_tensors

REGISTRY = hnetzoo.discover()
TINY = {"samples": [20, 40, 60], "resolutions_deg": [5, 10]}


def job(out: Path, epochs: int = 3, **changes: object) -> training.Job:
    made = training.Job(
        model=configure(REGISTRY.model("hnetgru"), {"hidden_size": 16}),
        dataset=configure(REGISTRY.dataset("doa-reference"), TINY),
        trainer=configure(REGISTRY.trainer("hnet"), {"epochs": epochs, "batch_size": 32, "learning_rate": 0.01}),
        out=out,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def weights(run: Path, name: str = "best.safetensors") -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in load_tensors(run / name).items()}


def final_state(run: Path) -> dict[str, bytes]:
    newest = sorted((run / "checkpoints").iterdir())[-1]
    return weights(newest, "tensors.safetensors")


def metrics(run: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


class Recorder(Silence):
    """Keep what the loop reports; stop it after some epochs as a crash would."""

    def __init__(self, die_after: int | None = None) -> None:
        self.records: list[EpochRecord] = []
        self.steps = 0
        self.die_after = die_after

    def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
        self.steps += 1
        if self.die_after is not None and epoch > self.die_after:
            raise KeyboardInterrupt

    def finished_epoch(self, record: EpochRecord) -> None:
        self.records.append(record)


def test_run_directory_holds_what_the_design_names(tmp_path: Path) -> None:
    result = training.train(job(tmp_path / "run"))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "best.safetensors",
        "checkpoints",
        "metrics.jsonl",
        "result.json",
        "run.json",
    ]
    stored = json.loads((tmp_path / "run" / "result.json").read_text())
    assert stored["test"]["f1"] == result.test.f1
    assert stored["best_epoch"] == result.best_epoch
    lines = metrics(tmp_path / "run")
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert set(lines[0]) == {"epoch", "losses", "validation", "learning_rate", "best_epoch", "best_f1"}
    assert set(lines[0]["losses"]) == {"cell", "row", "column"}  # type: ignore[call-overload]


def test_training_learns(tmp_path: Path) -> None:
    recorder = Recorder()
    training.train(job(tmp_path / "run", epochs=6), recorder)
    first, last = recorder.records[0], recorder.records[-1]
    assert sum(last.losses.values()) < 0.8 * sum(first.losses.values())
    assert last.validation["f1"] > first.validation["f1"]


def test_incomplete_batches_are_dropped(tmp_path: Path) -> None:
    recorder = Recorder()
    training.train(job(tmp_path / "run", epochs=1), recorder)
    problems = 2 * (5 * 20 + 3 * 40 + 60)
    assert recorder.steps == problems // 32
    assert problems % 32


def test_best_epoch_is_the_one_of_highest_validation_f1(tmp_path: Path) -> None:
    recorder = Recorder()
    result = training.train(job(tmp_path / "run", epochs=6), recorder)
    scores = [record.validation["f1"] for record in recorder.records]
    assert result.best_f1 == max(scores)
    assert result.best_epoch == scores.index(max(scores)) + 1
    dataset = hnetzoo.load_dataset("doa-reference", **TINY)
    model = resolve_model(f"run:{tmp_path / 'run'}", REGISTRY).module
    for split, expected in (("validation", result.best_f1), ("test", result.test.f1)):
        row = score(model, load_problems("tiny", dataset, split, 0), model="", weights="", plugin="")  # type: ignore[arg-type]
        assert row.f1 == pytest.approx(expected)


def test_same_seed_same_bits_and_other_seed_other_bits(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        training.train(job(tmp_path / name, epochs=1, seed=seed))
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


@pytest.mark.parametrize("die_after", [0, 1, 3])
@pytest.mark.parametrize("resample", [False, True])
def test_interrupted_training_resumes_to_the_same_bits(tmp_path: Path, die_after: int, resample: bool) -> None:
    training.train(job(tmp_path / "whole", epochs=4, resample=resample))
    with pytest.raises(KeyboardInterrupt):
        training.train(job(tmp_path / "cut", epochs=4, resample=resample), Recorder(die_after))
    training.train(job(tmp_path / "cut", epochs=4, resample=resample, resume=True))
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_resume_walks_back_over_a_damaged_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    training.train(job(tmp_path / "whole", epochs=3))
    training.train(job(tmp_path / "cut", epochs=3))
    newest = tmp_path / "cut" / "checkpoints" / "epoch-000003" / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    recorder = Recorder()
    training.train(job(tmp_path / "cut", epochs=3, resume=True), recorder)
    assert [record.epoch for record in recorder.records] == [3]
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")


def test_resuming_a_finished_training_trains_nothing(tmp_path: Path) -> None:
    first = training.train(job(tmp_path / "run"))
    recorder = Recorder()
    again = training.train(job(tmp_path / "run", resume=True), recorder)
    assert recorder.steps == 0
    assert (again.best_epoch, again.test.f1) == (first.best_epoch, first.test.f1)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
from test_fit import job
from hnetzoo.training.fit import train
torch.set_num_threads(1)
train(job(Path({out!r}), epochs=12, resume=True))
"""


def test_training_killed_at_ten_random_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    training.train(job(tmp_path / "whole", epochs=12))
    code = KILLED.format(tests=str(Path(__file__).parent), out=str(tmp_path / "killed"))
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
    """Wait until the process has begun to write, so that kills fall into the training and not the imports."""
    before = _written(run)
    while _written(run) == before and process.poll() is None:
        time.sleep(0.005)


def _written(run: Path) -> list[str]:
    try:
        return sorted(path.name for path in run.rglob("*")) if run.exists() else []
    except FileNotFoundError:  # a folder went while it was listed
        return ["changing"]


def test_loss_that_is_no_number_ends_the_training_by_name(tmp_path: Path) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {"learning_rate": 1e30, "epochs": 2, "batch_size": 32})
    with pytest.raises(hnetzoo.DivergenceError, match="loss 'cell' is nan in epoch 1; lower the learning rate"):
        training.train(job(tmp_path / "run", trainer=trainer))


def test_batch_larger_than_the_split_is_refused(tmp_path: Path) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {"batch_size": 1000})
    with pytest.raises(hnetzoo.ConfigError, match="batch size 1000 exceeds the 560 problems of the training split"):
        training.train(job(tmp_path / "run", trainer=trainer))
    assert not (tmp_path / "run").exists()


def test_files_cannot_be_resampled(tmp_path: Path) -> None:
    hnetzoo.write_problems(tmp_path / "p.npz", hnetzoo.load_dataset("doa", samples=600).load("train", 0))
    dataset = configure(REGISTRY.dataset("npz"), {"path": tmp_path / "p.npz"})
    with pytest.raises(hnetzoo.ConfigError, match="--resample needs a synthetic dataset; 'npz' cannot be redrawn"):
        training.train(job(tmp_path / "run", dataset=dataset, resample=True))


def test_model_without_weights_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    solver = job(tmp_path / "run", model=configure(REGISTRY.model("hungarian")))
    with pytest.raises(hnetzoo.ConfigError, match="model 'hungarian' has nothing to train with these settings"):
        training.train(solver)
    assert not (tmp_path / "run").exists()


def test_resampling_draws_new_problems_every_epoch(tmp_path: Path) -> None:
    training.train(job(tmp_path / "fixed", epochs=2))
    training.train(job(tmp_path / "redrawn", epochs=2, resample=True))
    fixed, redrawn = metrics(tmp_path / "fixed"), metrics(tmp_path / "redrawn")
    assert fixed[0]["losses"] == redrawn[0]["losses"]
    assert fixed[1]["losses"] != redrawn[1]["losses"]


class TenLines:
    """The least that a trainer is: losses and an optimiser."""

    def __init__(self, config: hnetzoo.TrainerConfig) -> None:
        self.config = config

    def losses(self, model: nn.Module, batch: hnetzoo.AssociationBatch) -> dict[str, Tensor]:
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        return {"square": (logits.sigmoid() - batch.association.float()).square().mean()}

    def configure(self, model: nn.Module, total_steps: int) -> hnetzoo.Optimization:
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))


def test_a_small_third_party_trainer_gets_resume_for_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "acme_trainer", sys.modules[__name__])
    spec = hnetzoo.TrainerSpec(
        name="acme", summary="", target="acme_trainer:TenLines", config="hnetzoo.config:TrainerConfig"
    )
    trainer = configure(spec, {"epochs": 3, "batch_size": 64})
    training.train(job(tmp_path / "whole", trainer=trainer))
    with pytest.raises(KeyboardInterrupt):
        training.train(job(tmp_path / "cut", trainer=trainer), Recorder(die_after=1))
    training.train(job(tmp_path / "cut", trainer=trainer, resume=True))
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
