"""Jobs: tuned on validation, trained once, failing alone, and without a trace in the process."""

import json
import logging
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

import hnetzoo
from hnetzoo.benchmark import entrants, jobs
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import JobRunner, Options
from hnetzoo.benchmark.plan import Job
from hnetzoo.benchmark.results import Failed
from hnetzoo.benchmark.suite import Entry, ModelEntry
from hnetzoo.report.sources import read_sources
from hnetzoo.training.observer import NullObserver
from tests.benchmark.conftest import Run

NEAR = ModelEntry(name="near")
TUNED = ModelEntry(name="near", tune={"gate": (0.1, 0.3, 0.7, 0.9)})
LEARNS = ModelEntry(name="learns", train=True, trainer={"epochs": 2, "batch_size": 50})
TINY = Entry(name="doa", settings={"samples": 200})
MEDDLING = {
    "distance": "the problems that it was given",
    "mask": "the problems that it was given",
    "torch": "torch's global random state",
    "numpy": "numpy's global random state",
    "python": "Python's global random state",
    "threads": "the number of threads",
    "type": "torch's default type",
    "folder": "the working directory",
}

JobsOf = Callable[..., list[Job]]


@pytest.fixture
def loads(acme: Path) -> list[str]:
    """The splits of the dataset that were drawn."""
    hnetzoo.discover()
    import acme_zoo

    drawn: list[str] = acme_zoo.Drift.loads
    return drawn


def test_tuning_picks_by_validation_and_reports_on_test(run: Run) -> None:
    row = run(TUNED).result
    assert row.weights == "tuned: gate=0.3"
    assert row.f1 < 1, "0.7 would have been right on the test split"
    other = run(TUNED, Entry(name="drift", settings={"validation_gate": 0.7})).result
    assert (other.weights, other.f1) == ("tuned: gate=0.7", 1.0)


def test_tuning_picks_by_the_splits_that_are_named(run: Run) -> None:
    """The gates of the training split and of validation differ; among equally many problems neither is best for all."""
    gates = (0.1, 0.3, 0.5, 0.7, 0.9)
    found = {
        splits: run(ModelEntry(name="near", tune={"gate": gates}, tune_on=splits)).result.weights
        for splits in (("train",), ("validation",))
    }
    assert found == {("train",): "tuned: gate=0.7", ("validation",): "tuned: gate=0.3"}
    near = Entry(name="drift", settings={"validation_gate": 0.5})
    both = run(ModelEntry(name="near", tune={"gate": gates}, tune_on=("train", "validation")), near).result
    assert both.weights in {"tuned: gate=0.5", "tuned: gate=0.7"}
    with pytest.raises(ValidationError, match="'train' or 'validation'"):
        ModelEntry(name="near", tune={"gate": gates}, tune_on=("test",))  # type: ignore[arg-type]


def test_the_choice_does_not_depend_on_the_test_split(run: Run) -> None:
    chosen = {run(TUNED, Entry(name="drift", settings={"test_gate": gate})).result.weights for gate in (0.1, 0.5, 0.9)}
    assert chosen == {"tuned: gate=0.3"}


def test_the_first_of_equal_choices_is_taken(run: Run) -> None:
    equals = ModelEntry(name="near", tune={"gate": (0.9, 0.30001, 0.3)})
    assert run(equals).result.weights == "tuned: gate=0.30001"


def test_shipped_weights_are_named_beside_what_was_tuned(run: Run) -> None:
    tuned = ModelEntry(name="exchangeable", tune={"transport_steps": (1, 60)})
    assert run(tuned, TINY).result.weights == "pretrained:default, tuned: transport_steps=60"


def test_a_trained_job_draws_each_split_once_fits_once_and_scores_once(
    run: Run, loads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def counted(module: object, name: str) -> None:
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **kwargs: calls.update([name]) or function(*args, **kwargs))

    counted(entrants, "fit")
    counted(jobs, "score")
    counted(jobs, "time_model")
    assert run(LEARNS).result.weights.startswith("trained: learns-drift-seed0-")
    assert Counter(loads) == {"train": 1, "validation": 1, "test": 1}
    assert calls == {"fit": 1, "score": 1, "time_model": 1}


def test_a_model_is_trained_on_settings_of_its_own_and_tested_on_those_of_the_task(run: Run, tmp_path: Path) -> None:
    """The gate is 0.7, but 0.3 where `train_on` says so."""
    learns = LEARNS.model_copy(update={"trainer": {**LEARNS.trainer, "epochs": 20, "learning_rate": 0.1}})
    elsewhere = learns.model_copy(update={"train_on": {"test_gate": 0.3, "validation_gate": 0.3}})
    near = Entry(name="drift", settings={"validation_gate": 0.7})
    same, other, again = (run(model, near) for model in (learns, elsewhere, elsewhere))
    assert same.sha256 == other.sha256, "the test problems"
    assert other.result.f1 < 0.8 < same.result.f1
    assert (again.result, again.cached) == (other.result, True)
    runs = [tmp_path / "runs" / found.result.weights.removeprefix("trained: ") for found in (same, other)]
    trained, tested = (json.loads((runs[1] / f"{file}.json").read_text()) for file in ("run", "result"))
    assert trained["settings"]["dataset"]["test_gate"] == 0.3
    assert tested["settings"]["test_gate"] == 0.7
    shown = [source.report.tasks["drift"]["settings"]["test_gate"] for source in read_sources(list(map(str, runs)))]
    assert shown == [0.7, 0.7]


def test_a_model_is_not_trained_on_problems_of_another_shape(run: Run) -> None:
    wider = ModelEntry(name="exchangeable", train=True, train_on={"max_doas": 3}, trainer=LEARNS.trainer)
    reason = run(wider, TINY).result.reason
    assert reason.startswith("'exchangeable' would be trained on problems of 3 x 3 and tested on 2 x 2; leave settings")


def test_problems_are_drawn_once_for_all_models_of_a_task(jobs_of: JobsOf, loads: list[str]) -> None:
    runner = JobRunner(Options())
    far = ModelEntry(name="near", label="far", settings={"gate": 0.9})
    for job in jobs_of(NEAR, far, TUNED.model_copy(update={"label": "tuned"})):
        runner.run(job)
    assert Counter(loads) == {"test": 1, "validation": 1}


@pytest.mark.parametrize(("with_", "what"), MEDDLING.items(), ids=MEDDLING)
def test_a_model_that_changes_what_is_not_its_own_fails_and_changes_no_rival(
    with_: str, what: str, jobs_of: JobsOf
) -> None:
    meddler = ModelEntry(name="meddles", settings={"with_": with_})
    after = ModelEntry(name="near", label="after")
    *alone, _ = (JobRunner(Options()).run(job).result for job in jobs_of(NEAR, after, meddler))
    before, found, same = map(JobRunner(Options()).run, jobs_of(NEAR, meddler, after))
    assert found.result.reason.startswith(f"model 'meddles' changed {what}; clone tensors before changing")
    assert [before.result.f1, same.result.f1] == [row.f1 for row in alone]
    assert before.sha256 == same.sha256


def global_state() -> list[object]:
    numpy_state = [str(part) for part in np.random.get_state()]
    return [
        torch.get_rng_state().tolist(), numpy_state, random.getstate(), torch.get_num_threads(),
        torch.get_default_dtype(), os.getcwd(),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "model",
    [NEAR, TUNED, LEARNS, *(ModelEntry(name="meddles", settings={"with_": name}) for name in MEDDLING)],
    ids=str,
)
def test_a_job_leaves_the_state_of_the_process_as_it_was(run: Run, model: ModelEntry) -> None:
    before = global_state()
    run(model)
    assert global_state() == before


def test_logits_that_are_no_numbers_fail_the_job_and_name_the_model(run: Run) -> None:
    outcome = run(ModelEntry(name="meddles", label="mine", settings={"with_": "nan"}))
    assert outcome.result.reason.startswith("model 'mine' returned ")
    assert "logits must be finite" in outcome.result.reason


@pytest.mark.parametrize(
    ("raises", "reason"),
    [
        ("RuntimeError", "RuntimeError: no luck"),
        ("MemoryError", "MemoryError: no luck"),
        ("DataError", "no luck"),
        ("SystemExit", "SystemExit: no luck"),
        ("GeneratorExit", "GeneratorExit: no luck"),
    ],
)
def test_whatever_a_model_raises_is_one_line_and_the_rest_is_logged(
    run: Run, raises: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="hnetzoo")
    outcome = run(ModelEntry(name="near", settings={"raises": raises}), seed=4)
    assert outcome.result == Failed(model="near", dataset="drift", seed=4, reason=reason)
    assert "Traceback" in caplog.text


def test_an_interrupt_is_not_held_up(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(ModelEntry(name="near", settings={"raises": "KeyboardInterrupt"}))


def test_a_dataset_that_cannot_be_drawn_is_tried_once_and_fails_for_every_model(
    jobs_of: JobsOf, loads: list[str]
) -> None:
    runner = JobRunner(Options())
    broken = Entry(name="drift", settings={"broken": True})
    outcomes = [
        runner.run(job).result for job in jobs_of(NEAR, TUNED.model_copy(update={"label": "t"}), dataset=broken)
    ]
    assert set(outcomes) == {Failed(model="*", dataset="drift", seed=0, reason="no luck with this file")}
    assert loads == ["test"]


def test_a_failure_names_no_folder_of_the_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.npz").write_bytes(b"broken")
    outcome = run(NEAR, Entry(name="npz", settings={"path": "p.npz"}), data=tmp_path)
    assert outcome.result.reason.startswith("cannot read 'p.npz' as .npz")
    assert str(tmp_path) not in outcome.result.reason


def test_training_without_a_folder_fails_the_job(run: Run) -> None:
    assert "name the folder of the runs" in run(LEARNS, training={"runs": None}).result.reason


def test_the_observer_sees_the_training_and_only_the_training(jobs_of: JobsOf, tmp_path: Path) -> None:
    steps: list[int] = []

    class Counting(NullObserver):
        def stepped(self, epoch: int, step: int, losses: object) -> None:
            steps.append(step)

    options = Options(training=TrainingOptions(runs=tmp_path))
    for _ in range(2):
        for job in jobs_of(LEARNS):
            JobRunner(options, Counting).run(job)
    assert steps == [1, 2, 3, 4] * 2


def test_a_row_says_how_its_problems_differ_from_those_of_the_weights(run: Run) -> None:
    assert run(ModelEntry(name="hnetgru"), TINY).result.outside == ()
    known = Entry(name="doa", settings={"samples": 200, "counts": "known"})
    assert run(ModelEntry(name="hnetgru"), known).result.outside == ("slots", "masks", "truth")
    assert run(ModelEntry(name="exchangeable"), known).result.outside == ("truth",)
    for truth, outside in (("activity", ()), ("identity", ("truth",))):
        assert run(ModelEntry(name="exchangeable", settings={"truth": truth}), TINY).result.outside == outside
    never = ModelEntry(name="exchangeable", settings={"unmatched": "never"})
    assert run(never, known).result.outside == ()
    assert run(ModelEntry(name="hungarian"), known).result.outside == ()


def test_a_strict_benchmark_fails_models_outside_what_their_weights_were_trained_on(jobs_of: JobsOf) -> None:
    known = Entry(name="doa", settings={"samples": 200, "counts": "known"})
    (job,) = jobs_of(ModelEntry(name="hnetgru"), dataset=known)
    result = JobRunner(Options(strict=True)).run(job).result
    assert isinstance(result, Failed)
    assert "outside the scope of the weights: slots, masks, truth" in result.reason
