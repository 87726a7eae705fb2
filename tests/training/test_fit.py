"""The training loop: reproducible, resumable after any death, selecting on validation."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import hnetzoo
from hnetzoo.association.prediction import predict
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import JobRunner, Options
from hnetzoo.benchmark.plan import Job, Planner
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.scoring import f1_score
from hnetzoo.registry.components import Component, configure
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer
from hnetzoo.training.weights import load_tensors

REGISTRY = hnetzoo.discover()
PLANNER = Planner(REGISTRY)
TINY = {"samples": [20, 40, 60], "resolutions_deg": [5, 10]}
SMALL = {"batch_size": 32, "learning_rate": 0.01}


class Trained(NamedTuple):
    """What a training reports: the record of its last epoch, and the row of the test split."""

    last: EpochRecord
    test: BenchmarkRow


def train(
    out: Path,
    observer: Observer | None = None,
    *,
    epochs: int = 3,
    seed: int = 0,
    model: Component[hnetzoo.ModelSpec] | None = None,
    dataset: Component[hnetzoo.DatasetSpec] | None = None,
    trainer: Component[hnetzoo.TrainerSpec] | None = None,
    planner: Planner = PLANNER,
    **options: bool,
) -> Trained:
    """Train as the command does."""
    model = model or configure(REGISTRY.model("hnetgru"), {"hidden_size": 16})
    dataset = dataset or configure(REGISTRY.dataset("doa-reference"), TINY)
    trainer = trainer or configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": epochs})
    entrant = planner.to_train("mine", model, trainer)
    job = Job(index=0, entrant=entrant, task=planner.task_of(dataset, "tiny"), seed=seed)
    settings = TrainingOptions(**{"out": out, "resume": False, **options})  # type: ignore[arg-type]
    outcome = JobRunner(Options(training=settings), lambda: observer or NullObserver()).outcome(job)
    assert outcome.last_epoch is not None
    assert isinstance(outcome.result, BenchmarkRow)
    return Trained(outcome.last_epoch, outcome.result)


def weights(run: Path, name: str = "best.safetensors") -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in load_tensors(run / name).items()}


def final_state(run: Path) -> dict[str, bytes]:
    newest = sorted((run / "checkpoints").iterdir())[-1]
    return weights(newest, "tensors.safetensors")


def metrics(run: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


class Recorder(NullObserver):
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
    result = train(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "best.safetensors",
        "checkpoints",
        "metrics.jsonl",
        "result.json",
        "run.json",
    ]
    stored = json.loads((tmp_path / "run" / "result.json").read_text())
    assert stored["test"]["f1"] == result.test.f1
    assert stored["best_epoch"] == result.last.best_epoch
    lines = metrics(tmp_path / "run")
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert set(lines[0]) == {"epoch", "losses", "validation", "learning_rate", "best_epoch", "best_f1"}
    assert set(lines[0]["losses"]) == {"cell", "row", "column"}  # type: ignore[call-overload]


def test_training_learns(tmp_path: Path) -> None:
    recorder = Recorder()
    train(tmp_path / "run", recorder, epochs=6)
    first, last = recorder.records[0], recorder.records[-1]
    assert sum(last.losses.values()) < 0.8 * sum(first.losses.values())
    assert last.validation["f1"] > first.validation["f1"]


def test_incomplete_batches_are_dropped(tmp_path: Path) -> None:
    recorder = Recorder()
    train(tmp_path / "run", recorder, epochs=1)
    problems = 2 * (5 * 20 + 3 * 40 + 60)
    assert recorder.steps == problems // 32
    assert problems % 32


def test_best_epoch_is_the_one_of_highest_validation_f1(tmp_path: Path) -> None:
    recorder = Recorder()
    result = train(tmp_path / "run", recorder, epochs=6)
    scores = [record.validation["f1"] for record in recorder.records]
    assert result.last.best_f1 == max(scores)
    assert result.last.best_epoch == scores.index(max(scores)) + 1
    dataset, model = hnetzoo.load_dataset("doa-reference", **TINY), hnetzoo.load_model(f"run:{tmp_path / 'run'}")
    for split, expected in (("validation", result.last.best_f1), ("test", result.test.f1)):
        batch = dataset.load(split, 0)  # type: ignore[arg-type]
        logits = predict(model, batch.distance, batch.row_mask, batch.col_mask)
        assert f1_score(logits, batch) == pytest.approx(expected)


def test_same_seed_same_bits_and_other_seed_other_bits(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, epochs=1, seed=seed)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


@pytest.mark.parametrize("die_after", [0, 1, 3])
@pytest.mark.parametrize("resample", [False, True])
def test_interrupted_training_resumes_to_the_same_bits(tmp_path: Path, die_after: int, resample: bool) -> None:
    train(tmp_path / "whole", epochs=4, resample=resample)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after), epochs=4, resample=resample)
    train(tmp_path / "cut", epochs=4, resample=resample, resume=True)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")


def test_resume_walks_back_over_a_damaged_checkpoint_to_the_same_bits(tmp_path: Path) -> None:
    train(tmp_path / "whole", epochs=3)
    train(tmp_path / "cut", epochs=3)
    newest = tmp_path / "cut" / "checkpoints" / "epoch-000003" / "tensors.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    recorder = Recorder()
    train(tmp_path / "cut", recorder, epochs=3, resume=True)
    assert [record.epoch for record in recorder.records] == [3]
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")


def test_resuming_a_finished_training_trains_nothing(tmp_path: Path) -> None:
    first = train(tmp_path / "run")
    recorder = Recorder()
    again = train(tmp_path / "run", recorder, resume=True)
    assert recorder.steps == 0
    assert (again.last, again.test.f1) == (first.last, first.test.f1)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
from test_fit import train
torch.set_num_threads(1)
train(Path({out!r}), epochs=12, resume=True)
"""


def test_training_killed_at_ten_random_moments_ends_with_the_same_bits(tmp_path: Path) -> None:
    train(tmp_path / "whole", epochs=12)
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
        train(tmp_path / "run", trainer=trainer)


def test_batch_larger_than_the_split_is_refused(tmp_path: Path) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {"batch_size": 1000})
    with pytest.raises(hnetzoo.ConfigError, match="batch size 1000 exceeds the 560 problems of the training split"):
        train(tmp_path / "run", trainer=trainer)
    assert not (tmp_path / "run").exists()


def test_files_cannot_be_resampled(tmp_path: Path) -> None:
    hnetzoo.write_problems(tmp_path / "p.npz", hnetzoo.load_dataset("doa", samples=600).load("train", 0))
    dataset = configure(REGISTRY.dataset("npz"), {"path": tmp_path / "p.npz"})
    with pytest.raises(hnetzoo.ConfigError, match="--resample needs a synthetic dataset; 'npz' cannot be redrawn"):
        train(tmp_path / "run", dataset=dataset, resample=True)


def test_model_without_weights_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    solver = configure(REGISTRY.model("hungarian"))
    with pytest.raises(hnetzoo.ConfigError, match="model 'hungarian' has nothing to train with these settings"):
        train(tmp_path / "run", model=solver)
    assert not (tmp_path / "run").exists()


def test_resampling_draws_new_problems_every_epoch(tmp_path: Path) -> None:
    train(tmp_path / "fixed", epochs=2)
    train(tmp_path / "redrawn", epochs=2, resample=True)
    fixed, redrawn = metrics(tmp_path / "fixed"), metrics(tmp_path / "redrawn")
    assert fixed[0]["losses"] == redrawn[0]["losses"]
    assert fixed[1]["losses"] != redrawn[1]["losses"]


ACME = """
import torch
import hnetzoo

class TenLines:
    def __init__(self, config):
        self.config = config

    def losses(self, model, batch):
        logits = model(batch.distance, batch.row_mask, batch.col_mask)
        return {"square": (logits.sigmoid() - batch.association.float()).square().mean()}

    def configure(self, model, total_steps):
        return hnetzoo.Optimization(torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9))

class Augments(TenLines):
    def losses(self, model, batch):
        batch.distance.mul_(1.5)
        return super().losses(model, batch)

class Clamps(TenLines):
    def prepare(self, training):
        training.distance.clamp_(max=0.5)

@hnetzoo.hookimpl
def hnetzoo_trainers():
    return [hnetzoo.TrainerSpec(name=name.lower(), summary="", target=f"acme_trainers:{name}",
                                config="hnetzoo:TrainerConfig") for name in ("TenLines", "Augments", "Clamps")]
"""


@pytest.fixture
def acme(fake_distribution: Callable[..., Path]) -> Planner:
    """Install small third-party trainers, and return what plans jobs with them."""
    fake_distribution("acme-trainers", ACME)
    return Planner(hnetzoo.discover())


def acme_trainer(acme: Planner, name: str, epochs: int = 3) -> Component[hnetzoo.TrainerSpec]:
    return configure(acme.registry.trainer(name), {"epochs": epochs, "batch_size": 64})


def test_a_small_third_party_trainer_gets_resume_for_free(tmp_path: Path, acme: Planner) -> None:
    trainer = acme_trainer(acme, "tenlines")
    train(tmp_path / "whole", trainer=trainer, planner=acme)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", Recorder(die_after=1), trainer=trainer, planner=acme)
    train(tmp_path / "cut", trainer=trainer, resume=True, planner=acme)
    assert final_state(tmp_path / "cut") == final_state(tmp_path / "whole")


@pytest.mark.parametrize(("name", "split"), [("augments", "validation"), ("clamps", "train")])
def test_a_trainer_that_writes_into_a_split_is_an_error_that_names_it(
    tmp_path: Path, acme: Planner, name: str, split: str
) -> None:
    with pytest.raises(hnetzoo.ModelError, match=f"'hnetgru' or trainer '{name}' wrote into the {split} split"):
        train(tmp_path / "run", trainer=acme_trainer(acme, name), planner=acme)


@pytest.mark.parametrize("batch_size", [32, 100, 560])
def test_losses_are_told_per_problem_whatever_the_batch_size(tmp_path: Path, batch_size: int) -> None:
    """With a rate of almost zero the weights stay, so that every loss can be computed afterwards."""
    trainer = configure(REGISTRY.trainer("hnet"), {"epochs": 1, "batch_size": batch_size, "learning_rate": 1e-12})
    record = train(tmp_path / "run", trainer=trainer).last
    model = hnetzoo.load_model(f"run:{tmp_path / 'run'}")
    dataset, terms = hnetzoo.load_dataset("doa-reference", **TINY), trainer.build()
    for split, told in (("train", record.losses), ("validation", record.validation["losses"])):
        batch = dataset.load(split, 0)  # type: ignore[arg-type]
        for name, loss in terms.losses(model, batch).items():
            expected = loss.item() / len(batch.distance)
            assert told[name] == pytest.approx(expected, rel=0.05 if split == "train" else 1e-4), name


def test_the_observer_is_told_losses_of_the_scale_of_the_records(tmp_path: Path) -> None:
    seen: list[float] = []

    class Listens(NullObserver):
        def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
            seen.append(float(sum(losses.values())))

    record = train(tmp_path / "run", Listens(), epochs=1).last
    assert sum(record.losses.values()) == pytest.approx(sum(seen) / len(seen), rel=1e-5)


def test_resuming_where_every_checkpoint_is_damaged_says_so_and_trains_nothing(tmp_path: Path) -> None:
    train(tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").rglob("tensors.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    recorder = Recorder()
    with pytest.raises(
        hnetzoo.CheckpointError, match=r"no checkpoint in '.*' is whole \(.*\); start over with --fresh"
    ):
        train(tmp_path / "run", recorder, resume=True)
    assert recorder.steps == 0
    train(tmp_path / "run", recorder, fresh=True)
    assert len(recorder.records) == 3


def test_a_training_is_resumed_with_its_own_threads_and_leaves_ours(tmp_path: Path) -> None:
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


def test_a_training_leaves_no_trace_in_the_random_states(tmp_path: Path) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    train(tmp_path / "run", epochs=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def test_weights_become_nan_only_with_an_error_that_names_the_model(tmp_path: Path, acme: Planner) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 1, "learning_rate": 1e38})
    with pytest.raises((hnetzoo.DivergenceError, hnetzoo.ModelError), match=r"loss 'cell' is|model 'hnetgru' answers"):
        train(tmp_path / "run", trainer=trainer)
