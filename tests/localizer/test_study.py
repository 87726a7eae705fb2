"""A small study: rows, cached jobs, failures and training."""

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks.localizer.__main__ import run
from benchmarks.localizer.criteria import build_criterion
from benchmarks.localizer.features import draw_examples
from benchmarks.localizer.jobs import Job, run_job
from benchmarks.localizer.scoring import estimate, score
from benchmarks.localizer.settings import (
    CriterionEntry,
    MatcherTraining,
    SceneSettings,
    Study,
    TrainingSettings,
    read_study,
)
from benchmarks.localizer.study import run_study
from benchmarks.localizer.train import batches, train
from hnetzoo.errors import ConfigError, DivergenceError

FOLDER = Path(__file__).parents[2] / "benchmarks" / "localizer"
QUICK, FULL = (read_study(FOLDER / f"{name}.toml") for name in ("quick", "study"))
SCENES = SceneSettings(train=8, validation=2, test=2, frames=10)
MATCHERS = MatcherTraining(samples=2000, epochs=1)
TRAINING = TrainingSettings(epochs=1, batch_size=4)
MSE = CriterionEntry(label="MSE", kind="fixed-order")
METRICS = {"error_deg", "recall", "precision", "f1", "mota", "switches", "match_switches", "gospa_deg"}


def tiny(*criteria: CriterionEntry, **changes: object) -> Study:
    small = {"scenes": SCENES, "training": TRAINING, "matchers": MATCHERS, "criteria": criteria, **changes}
    return QUICK.model_copy(update=small)


def test_quick_is_the_study_with_fewer_scenes_epochs_sources_and_seeds() -> None:
    assert QUICK.criteria == FULL.criteria
    assert (FULL.sources, FULL.seeds) == ((1, 2, 3), (0, 1, 2))
    assert QUICK.scenes.train < FULL.scenes.train
    assert QUICK.training.epochs < FULL.training.epochs


def test_every_criterion_of_quick_gives_a_row(tmp_path: Path) -> None:
    rows = run_study(tiny(*QUICK.criteria), tmp_path)
    assert [row["criterion"] for row in rows] == [entry.label for entry in QUICK.criteria]
    for row in rows:
        assert "failed" not in row, row
        assert row.keys() >= {*METRICS, "sources", "seed", "matcher", "parameters", "seconds", "curve"}
        assert [record["epoch"] for record in row["curve"]] == [1]
        assert row["curve"][0].keys() >= {*METRICS, "losses", "seconds"}
    json.dumps(rows, allow_nan=False)


def test_rows_are_cached_by_all_but_their_label(tmp_path: Path) -> None:
    first = run_study(tiny(MSE), tmp_path)
    renamed = MSE.model_copy(update={"label": "renamed"})
    assert run_study(tiny(renamed), tmp_path) == [{**row, "criterion": "renamed"} for row in first]
    run_study(tiny(MSE, training=TRAINING.model_copy(update={"learning_rate": 0.1})), tmp_path)
    assert len(list((tmp_path / "rows").iterdir())) == 2
    fresh = run_study(tiny(MSE), tmp_path, fresh=True)
    assert fresh[0]["seconds"] != first[0]["seconds"]
    assert {name: fresh[0][name] for name in METRICS} == {name: first[0][name] for name in METRICS}


@pytest.mark.parametrize(("matcher", "status"), [("sinkhorn", 0), ("nobody", 1)])
def test_the_command_writes_study_rows_and_environment(tmp_path: Path, matcher: str, status: int) -> None:
    study, result = tmp_path / "study.toml", tmp_path / "result.json"
    study.write_text(
        f'criteria = [{{ label = "mine", kind = "tracking", matcher = "{matcher}" }}]\nsources = [2]\nseeds = [0]\n'
        "scenes = { train = 4, validation = 2, test = 2, frames = 10 }\ntraining = { epochs = 1, batch_size = 4 }\n"
    )
    command = typer.Typer()
    command.command()(run)
    options = ["--study", study, "--json", result, "--runs", tmp_path / "runs", "--jobs", "1"]
    assert CliRunner().invoke(command, list(map(str, options))).exit_code == status
    document = json.loads(result.read_text())
    assert document["study"]["criteria"][0]["label"] == "mine"
    assert document["environment"]["versions"]
    (row,) = document["rows"]
    assert ("failed" in row) == bool(status)


def test_rows_are_ordered_by_sources_seed_and_criterion(tmp_path: Path) -> None:
    pit = CriterionEntry(label="PIT", kind="permutation-invariant")
    rows = run_study(tiny(MSE, pit, sources=(1, 2), seeds=(3, 4)), tmp_path)
    assert [(row["sources"], row["seed"], row["criterion"]) for row in rows] == [
        (sources, seed, label) for sources in (1, 2) for seed in (3, 4) for label in ("MSE", "PIT")
    ]


def test_a_criterion_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    broken = CriterionEntry(label="broken", kind="tracking", matcher="nobody")
    jobs = [Job(study=tiny(), criterion=entry, sources=2, seed=0, runs=tmp_path) for entry in (broken, MSE)]
    failed, fine = map(run_job, jobs)
    assert failed["failed"].startswith("UnknownNameError: unknown model 'nobody'")
    assert fine["f1"] >= 0


def test_a_localizer_learns_its_scenes() -> None:
    examples = draw_examples(SceneSettings(train=16, frames=10), 1, "train", 0)
    settings = TrainingSettings(epochs=30, batch_size=4, learning_rate=0.01)
    _, curve = train(build_criterion(MSE, None), examples, examples, settings, 0)
    assert curve[-1]["losses"]["distance"] < 0.5 * curve[0]["losses"]["distance"]
    assert curve[-1]["gospa_deg"] < curve[0]["gospa_deg"]


def test_the_localizer_returned_is_that_of_the_best_epoch() -> None:
    examples = draw_examples(SceneSettings(train=8, frames=10), 1, "train", 0)
    settings = TrainingSettings(epochs=4, batch_size=4, learning_rate=0.03)
    localizer, curve = train(build_criterion(MSE, None), examples, examples, settings, 0)
    found = score(estimate(localizer, examples.features), examples, settings.gate_deg)
    assert found.gospa_deg == min(record["gospa_deg"] for record in curve)


def test_a_loss_of_nan_ends_the_training() -> None:
    examples = draw_examples(SCENES, 2, "train", 0)

    def broken(*_: object) -> dict[str, torch.Tensor]:
        return {"distance": torch.tensor(torch.nan, requires_grad=True)}

    with pytest.raises(DivergenceError, match=r"the losses are \{'distance': nan\}"):
        train(broken, examples, examples, TRAINING, 0)


def test_an_epoch_sees_every_scene_once_and_another_order_each_time() -> None:
    examples = draw_examples(SCENES, 1, "train", 0)
    length = examples.features[:, 0].sum((1, 2))  # the omnidirectional spectrum, which no symmetry changes

    def order(epoch: int) -> torch.Tensor:
        return torch.cat([part.features[:, 0].sum((1, 2)) for part in batches(examples, 4, 0, epoch)])

    assert torch.equal(order(1).sort().values, length.sort().values)
    assert torch.equal(order(1), order(1))
    assert not torch.equal(order(1), order(2))


def test_fewer_scenes_than_a_batch_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text("criteria = []\n[scenes]\ntrain = 3\n")
    with pytest.raises(ConfigError, match="3 training scenes are less than a batch of 8"):
        read_study(path)
