"""The training loop: it learns, selects on validation, is reproducible, and refuses what it cannot train."""

import json
import random
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import hnetzoo
from hnetzoo.association.prediction import predict
from hnetzoo.benchmark.scoring import f1_score
from hnetzoo.registry.components import configure
from hnetzoo.training.observer import NullObserver
from tests.training.train import REGISTRY, SMALL, TINY, Recorder, acme_trainer, metrics, train, weights


def test_run_directory_holds_weights_checkpoints_metrics_and_results(tmp_path: Path) -> None:
    result = train(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        ".lock",
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
    best = {"best_epoch", "best_f1", "best_exact", "exact_solver_f1"}
    assert set(lines[0]) == {"epoch", "losses", "validation", "learning_rate", *best}
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


def test_best_epoch_has_the_highest_validation_f1(tmp_path: Path) -> None:
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


def test_same_seed_gives_equal_weights_and_another_seed_does_not(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tmp_path / name, epochs=1, seed=seed)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")
    assert weights(tmp_path / "a") != weights(tmp_path / "c")


def test_a_loss_that_is_nan_is_an_error_that_names_the_loss(tmp_path: Path) -> None:
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


def test_what_true_pairs_mean_is_shown_to_models_that_take_it_alone(tmp_path: Path) -> None:
    parts = ({"dataset": "doa"}, {"dataset": "doa-tracks", "settings": {"max_doas": 2}})
    mixture = configure(REGISTRY.dataset("mixture"), {"parts": parts, "samples": 100})
    trainer = configure(REGISTRY.trainer("exchangeable"), {"epochs": 1, "batch_size": 50})
    for name in ("hnetgru", "exchangeable"):
        trained = train(tmp_path / name, model=configure(REGISTRY.model(name)), dataset=mixture, trainer=trainer)
        assert trained.last.losses["cell"] > 0


@pytest.mark.parametrize(("name", "split"), [("augments", "validation"), ("clamps", "train")])
def test_a_trainer_that_writes_into_a_split_is_an_error_that_names_both(
    tmp_path: Path, acme: hnetzoo.Registry, name: str, split: str
) -> None:
    with pytest.raises(hnetzoo.ModelError, match=f"'hnetgru' or trainer '{name}' wrote into the {split} split"):
        train(tmp_path / "run", trainer=acme_trainer(acme, name), registry=acme)


@pytest.mark.parametrize("batch_size", [32, 100, 560])
def test_losses_are_recorded_per_problem_whatever_the_batch_size(tmp_path: Path, batch_size: int) -> None:
    """A learning rate of almost zero keeps the weights, so that the losses can be computed afterwards."""
    trainer = configure(REGISTRY.trainer("hnet"), {"epochs": 1, "batch_size": batch_size, "learning_rate": 1e-12})
    record = train(tmp_path / "run", trainer=trainer).last
    model = hnetzoo.load_model(f"run:{tmp_path / 'run'}")
    dataset, terms = hnetzoo.load_dataset("doa-reference", **TINY), trainer.build()
    for split, recorded in (("train", record.losses), ("validation", record.validation["losses"])):
        batch = dataset.load(split, 0)  # type: ignore[arg-type]
        for name, loss in terms.losses(model, batch).items():
            expected = loss.item() / len(batch.distance)
            assert recorded[name] == pytest.approx(expected, rel=0.05 if split == "train" else 1e-4), name


def test_observers_get_losses_of_the_same_scale_as_the_records(tmp_path: Path) -> None:
    seen: list[float] = []

    class Listens(NullObserver):
        def stepped(self, epoch: int, step: int, losses: Mapping[str, Tensor]) -> None:
            seen.append(float(sum(losses.values())))

    record = train(tmp_path / "run", Listens(), epochs=1).last
    assert sum(record.losses.values()) == pytest.approx(sum(seen) / len(seen), rel=1e-5)


def test_training_does_not_change_the_global_random_states(tmp_path: Path) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    train(tmp_path / "run", epochs=1)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before[1:]


def test_infinite_weights_are_an_error_that_names_the_loss_or_the_model(tmp_path: Path) -> None:
    trainer = configure(REGISTRY.trainer("hnet"), {**SMALL, "epochs": 1, "learning_rate": 1e38})
    with pytest.raises((hnetzoo.DivergenceError, hnetzoo.ModelError), match=r"loss 'cell' is|model 'hnetgru' returned"):
        train(tmp_path / "run", trainer=trainer)
