"""Cells: tuned on validation, kept when finished, recomputed when anything changes, failing alone."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.benchmark.jobs import CellRunner, Options, Outcome
from hnetzoo.benchmark.results import BenchmarkRow, Failed
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite, plan
from hnetzoo.training.observer import Silence

PLUGIN = """
import torch
import hnetzoo

class NearConfig(hnetzoo.Config):
    gate: float = 0.5
    raises: str = ""

class Near(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.config = config

    def forward(self, distance, row_mask=None, col_mask=None):
        if self.config.raises:
            raise {"RuntimeError": RuntimeError, "MemoryError": MemoryError, "DataError": hnetzoo.DataError,
                   "KeyboardInterrupt": KeyboardInterrupt}[self.config.raises]("no\\n  luck")
        return self.config.gate - distance

class DriftConfig(hnetzoo.Config):
    test_gate: float = 0.7
    validation_gate: float = 0.3

class Drift:
    unit, shape = "metres", (1, 1)

    def __init__(self, config):
        self.config = config
        self.loads = []

    def load(self, split, seed):
        self.loads.append(split)
        gate = self.config.validation_gate if split == "validation" else self.config.test_gate
        distance = torch.rand(200, 1, 1, generator=torch.Generator().manual_seed(seed))
        return hnetzoo.AssociationBatch.with_full_masks(distance, distance < gate)

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="near", summary="", target="acme_cells:Near", config="acme_cells:NearConfig",
                              tags={"non-learned"})]

@hnetzoo.hookimpl
def hnetzoo_datasets():
    return [hnetzoo.DatasetSpec(name="drift", summary="", target="acme_cells:Drift", config="acme_cells:DriftConfig")]
"""
DRIFT = Entry(name="drift")
NEAR = ModelEntry(name="near")
TUNED = ModelEntry(name="near", tune={"gate": (0.1, 0.3, 0.7, 0.9)})
TINY = Entry(name="doa", settings={"samples": 200})
QUICK = ModelEntry(name="exchangeable", train=True, trainer={"epochs": 1, "batch_size": 32})


@pytest.fixture
def source(fake_distribution: Callable[..., Path]) -> Path:
    """Install the plugin above, and return the file of its code."""
    return fake_distribution("acme-cells", PLUGIN).parent / "acme_cells.py"


@pytest.fixture
def run(source: Path, tmp_path: Path) -> Callable[..., Outcome]:
    """Return a function that runs one cell in a process's first runner, keeping what is finished."""

    def call(model: ModelEntry = NEAR, dataset: Entry = DRIFT, seed: int = 0, **options: object) -> Outcome:
        registry = hnetzoo.discover()
        chosen = replace(Options(runs=tmp_path / "runs"), **options)  # type: ignore[arg-type]
        (cell,) = plan(Suite(models=(model,), datasets=(dataset,), seeds=(seed,)), registry, chosen.data)
        outcome = CellRunner(registry, chosen).run(cell)
        if chosen.store and isinstance(outcome.result, BenchmarkRow):
            chosen.store.write(outcome.key, outcome.result)
        return outcome

    return call


Run = Callable[..., Outcome]


def test_tuning_picks_by_validation_and_reports_on_test(run: Run) -> None:
    row = run(TUNED).result
    assert row.weights == "tuned: gate=0.3"
    assert row.f1 < 1, "0.7 would have been right on the test split"
    other = run(TUNED, Entry(name="drift", settings={"validation_gate": 0.7})).result
    assert (other.weights, other.f1) == ("tuned: gate=0.7", 1.0)


def test_the_choice_does_not_depend_on_the_test_split(run: Run) -> None:
    chosen = {run(TUNED, Entry(name="drift", settings={"test_gate": gate})).result.weights for gate in (0.1, 0.5, 0.9)}
    assert chosen == {"tuned: gate=0.3"}


def test_the_first_of_equal_choices_is_taken(run: Run) -> None:
    equals = ModelEntry(name="near", tune={"gate": (0.9, 0.30001, 0.3)})
    assert run(equals).result.weights == "tuned: gate=0.30001"


def test_shipped_weights_are_named_beside_what_was_tuned(run: Run) -> None:
    tuned = ModelEntry(name="exchangeable", tune={"iterations": (2, 6)})
    assert run(tuned, TINY).result.weights == "pretrained:default, tuned: iterations=6"


def test_a_finished_cell_is_found_again(run: Run) -> None:
    first, second = run(), run()
    assert (first.kept, second.kept) == (False, True)
    assert first.result == second.result
    assert (first.key, first.sha256, first.problems) == (second.key, second.sha256, 200)


def test_another_label_is_the_same_cell_under_another_name(run: Run) -> None:
    run()
    renamed = run(ModelEntry(name="near", label="ours"), Entry(name="drift", label="theirs"))
    assert renamed.kept
    assert (renamed.result.model, renamed.result.dataset) == ("ours", "theirs")


@pytest.mark.parametrize(
    "change",
    [
        {"model": ModelEntry(name="near", settings={"gate": 0.6})},
        {"model": ModelEntry(name="near", tune={"gate": (0.5, 0.6)})},
        {"dataset": Entry(name="drift", settings={"test_gate": 0.71})},
        {"dataset": Entry(name="drift", settings={"validation_gate": 0.31})},
        {"seed": 1},
        {"device": "meta"},
        {"fresh": True},
    ],
    ids=str,
)
def test_a_cell_of_other_settings_is_another_cell(run: Run, change: dict[str, object]) -> None:
    run()
    assert not run(**change).kept


@pytest.mark.parametrize("model", [NEAR, TUNED], ids=lambda entry: str(entry.tune))
def test_editing_a_source_makes_it_another_cell(run: Run, source: Path, model: ModelEntry) -> None:
    run(model)
    source.write_text(PLUGIN + "# edited\n")
    assert not run(model).kept
    source.write_text(PLUGIN)
    assert run(model).kept


def test_editing_the_core_makes_it_another_cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from hnetzoo.benchmark import jobs as cells

    run()
    monkeypatch.setattr(cells, "digest_sources", lambda package, without: f"edited {package}")
    assert not run().kept


def test_other_versions_make_it_another_cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run()
    monkeypatch.setattr("hnetzoo.benchmark.jobs.versions", lambda: {"torch": "9.9"})
    assert not run().kept


def test_tuning_depends_on_the_validation_data_themselves(run: Run, tmp_path: Path) -> None:
    import torch

    batch = hnetzoo.load_dataset("doa", samples=300).load("train", seed=0)
    split = torch.arange(300) % 3
    gated = ModelEntry(name="hungarian-gated", tune={"gate": (0.5, 1.0)})
    stored = Entry(name="npz", settings={"path": str(tmp_path / "p.npz")})
    hnetzoo.write_problems(tmp_path / "p.npz", batch, split)
    run(gated, stored)
    distance = batch.distance.clone()
    distance[split == 1] += 0.25
    hnetzoo.write_problems(tmp_path / "p.npz", batch._replace(distance=distance), split)
    assert run(ModelEntry(name="greedy"), stored).kept is False
    assert run(gated, stored).kept is False
    assert run(gated, stored).kept


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": "near"}'])
def test_a_damaged_cell_is_ignored_with_a_note_and_computed_anew(
    run: Run, tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = run()
    path = tmp_path / "runs" / "cells" / f"{first.key}.json"
    path.write_text(content)
    again = run()
    assert not again.kept
    assert f"ignoring the damaged cell '{path}'" in caplog.text
    assert json.loads(path.read_text())["f1"] == first.result.f1
    assert run().kept


@pytest.mark.parametrize(
    ("raises", "reason"),
    [("RuntimeError", "RuntimeError: no luck"), ("MemoryError", "MemoryError: no luck"), ("DataError", "no luck")],
)
def test_whatever_a_model_raises_is_one_line_and_the_rest_is_logged(
    run: Run, raises: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outcome = run(ModelEntry(name="near", settings={"raises": raises}), seed=4)
    assert outcome.result == Failed(model="near", dataset="drift", seed=4, reason=reason)
    assert "Traceback" in caplog.text


def test_an_interrupt_is_not_swallowed(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(ModelEntry(name="near", settings={"raises": "KeyboardInterrupt"}))


def test_a_failure_names_no_folder_of_the_data(run: Run, tmp_path: Path) -> None:
    (tmp_path / "p.npz").write_bytes(b"broken")
    outcome = run(NEAR, Entry(name="npz", settings={"path": "p.npz"}), data=tmp_path)
    assert outcome.result.reason.startswith("cannot read 'p.npz' as .npz")
    assert str(tmp_path) not in outcome.result.reason


def test_a_training_is_taken_up_under_its_own_recipe_only(run: Run, tmp_path: Path) -> None:
    trained = run(QUICK, TINY, fresh=True)
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.name != "cells")
    assert trained.result.weights == f"trained: {folder.name}"
    best = (folder / "best.safetensors").stat().st_mtime_ns
    assert replace(run(QUICK, TINY, fresh=True).result, microseconds_per_problem=0) == replace(
        trained.result, microseconds_per_problem=0
    )
    assert (folder / "best.safetensors").stat().st_mtime_ns == best, "it was not trained again"
    longer = QUICK.model_copy(update={"trainer": {"epochs": 2, "batch_size": 32}})
    assert run(longer, TINY).result.weights != trained.result.weights
    assert run(QUICK, TINY).kept


def test_training_without_a_folder_fails_the_cell(run: Run) -> None:
    assert "name the folder of the runs" in run(QUICK, TINY, runs=None).result.reason


def test_the_observer_sees_the_training(source: Path, tmp_path: Path) -> None:
    steps: list[int] = []

    class Counter(Silence):
        def stepped(self, epoch: int, step: int, losses: object) -> None:
            steps.append(step)

    suite, options = Suite(models=(QUICK,), datasets=(TINY,)), Options(runs=tmp_path)
    for _ in range(2):
        run_benchmark(suite, hnetzoo.discover(), options=options, observer=Counter)
    assert steps == [1, 2, 3, 4, 5, 6]


def test_problems_are_drawn_once_for_all_models(source: Path) -> None:
    registry = hnetzoo.discover()
    runner = CellRunner(registry, Options())
    far = ModelEntry(name="near", label="far", settings={"gate": 0.9})
    for cell in plan(Suite(models=(NEAR, far), datasets=(DRIFT,)), registry):
        runner.run(cell)
    assert runner.task is not None
    assert runner.task.dataset.loads == ["test"], "to identify the problems and to score"
