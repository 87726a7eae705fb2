"""A small study: rows, cached jobs, failures and training."""

import json
import re
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from benchmarks.localizer import train as train_module
from benchmarks.localizer.__main__ import run
from benchmarks.localizer.criteria import build_criterion
from benchmarks.localizer.features import draw_examples
from benchmarks.localizer.jobs import Job, run_job
from benchmarks.localizer.scoring import estimate, score
from benchmarks.localizer.settings import (
    CriterionEntry,
    MatcherTraining,
    ScenarioEntry,
    SceneSettings,
    Study,
    TrainingSettings,
    TuningSettings,
    read_study,
)
from benchmarks.localizer.study import repeat, run_study
from benchmarks.localizer.train import batches, train
from benchmarks.localizer.tuning import trials
from hnetzoo.errors import ConfigError, DivergenceError

FOLDER = Path(__file__).parents[2] / "benchmarks" / "localizer"
QUICK, FULL, FIRST = (read_study(FOLDER / f"{name}.toml") for name in ("quick", "study", "first"))
SCENES = SceneSettings(train=8, validation=2, test=2, frames=10)
MATCHERS = MatcherTraining(samples=2000, epochs=1)
TRAINING = TrainingSettings(epochs=1, batch_size=4)
MSE = CriterionEntry(label="MSE", kind="fixed-order")
EARLIER = TrainingSettings()  # twenty epochs in one cycle
ONE, TWO = (ScenarioEntry(label=f"{sources} sources", sources=sources) for sources in (1, 2))
METRICS = {"error_deg", "recall", "precision", "f1", "mota", "switches", "match_switches", "gospa_deg"}


def tiny(*criteria: CriterionEntry, **changes: object) -> Study:
    settings = {"scenes": SCENES, "training": TRAINING, "matchers": MATCHERS, "seeds": (0,), "scenarios": (TWO,)}
    return Study(criteria=criteria, **{**settings, **changes})  # type: ignore[arg-type]


def test_quick_is_the_study_with_fewer_scenes_epochs_scenarios_trials_and_seeds() -> None:
    assert QUICK.criteria == FULL.criteria
    assert QUICK.opponents == FULL.opponents
    assert QUICK.scenes.train < FULL.scenes.train
    assert QUICK.training.epochs < FULL.training.epochs
    assert set(QUICK.scenarios) < {*FULL.scenarios}
    assert FULL.scenes.room is not None
    assert len(FULL.seeds) == 5


def test_the_first_edition_stays_as_it_was() -> None:
    assert [scenario.sources for scenario in FIRST.scenarios] == [1, 2, 3]
    assert (FIRST.seeds, FIRST.tuning, FIRST.scenes, FIRST.training) == ((0, 1, 2), None, SceneSettings(), EARLIER)


def test_every_criterion_of_the_study_has_as_many_trials_over_as_many_settings_with_the_same_learning_rates() -> None:
    assert FULL.tuning is not None
    drawn = [trials(entry, FULL.tuning) for entry in FULL.criteria]
    assert {len(found) for found in drawn} == {FULL.tuning.trials}
    assert {len(entry.search) for entry in FULL.criteria} == {3}
    rates = {tuple(trial.learning_rate for trial in found) for found in drawn}
    assert len(rates) == 1
    assert FULL.tuning.seed not in FULL.seeds
    for entry, found in zip(FULL.criteria, drawn, strict=True):
        assert found[0] == entry
        assert len({str(trial) for trial in found}) == len(found)


def test_every_criterion_of_quick_gives_rows_and_trials(tmp_path: Path) -> None:
    scenes = QUICK.scenes.model_copy(update={"train": 8, "validation": 2, "test": 2, "frames": 10})
    study = QUICK.model_copy(update={"scenes": scenes, "training": TRAINING, "seeds": (0,)})
    found = run_study(study, tmp_path)
    labels = [entry.label for entry in QUICK.criteria]
    assert [row["criterion"] for row in found.rows] == labels
    assert [(row["criterion"], row["trial"], row["seed"]) for row in found.tuning] == [
        (label, trial, 100) for label in labels for trial in (0, 1)
    ]
    for row in found.rows:
        assert "failed" not in row, row
        assert row.keys() >= {*METRICS, "scenario", "seed", "matcher", "parameters", "seconds", "settings", "localizer"}
        assert [record["epoch"] for record in row["curve"]] == [1]
        assert row["curve"][0].keys() >= {*METRICS, "losses", "learning_rate", "seconds"}
    assert not METRICS & found.tuning[0].keys()
    json.dumps([*found.rows, *found.tuning], allow_nan=False)


def test_the_settings_of_the_best_validation_are_reported(tmp_path: Path) -> None:
    entry = CriterionEntry(label="MSE", kind="fixed-order", search={"learning_rate": (1e-5, 0.03)})
    same = ScenarioEntry(label="again", sources=2, tuned_on=TWO.label)
    study = tiny(entry, tuning=TuningSettings(trials=4, seed=9), scenarios=(TWO, same))
    found = run_study(study, tmp_path)
    best = min(found.tuning, key=lambda row: row["validation_gospa_deg"])
    assert len(found.tuning) == 4
    assert [row["settings"] for row in found.rows] == [best["settings"]] * 2


def test_training_again_gives_the_same_bits_and_says_so_if_not(tmp_path: Path) -> None:
    study = tiny(MSE, seeds=(0, 1))
    run_study(study, tmp_path)
    assert [same for _, same in repeat(study, tmp_path, [], 2)] == [True, True]
    (path, *_) = sorted((tmp_path / "rows").iterdir())
    path.write_text(path.read_text().replace('"localizer": "', '"localizer": "0'))
    assert sorted(same for _, same in repeat(study, tmp_path, [], 2)) == [False, True]


def test_rows_are_cached_by_all_but_their_label(tmp_path: Path) -> None:
    first = run_study(tiny(MSE), tmp_path).rows
    renamed = MSE.model_copy(update={"label": "renamed"})
    assert run_study(tiny(renamed), tmp_path).rows == [{**row, "criterion": "renamed"} for row in first]
    run_study(tiny(MSE, training=TRAINING.model_copy(update={"learning_rate": 0.1})), tmp_path)
    assert len(list((tmp_path / "rows").iterdir())) == 2
    fresh = run_study(tiny(MSE), tmp_path, fresh=True).rows
    assert fresh[0]["seconds"] != first[0]["seconds"]
    assert {name: fresh[0][name] for name in METRICS} == {name: first[0][name] for name in METRICS}


@pytest.mark.parametrize(("matcher", "status"), [("sinkhorn", 0), ("nobody", 1)])
def test_the_command_writes_study_rows_and_environment(tmp_path: Path, matcher: str, status: int) -> None:
    study, result = tmp_path / "study.toml", tmp_path / "result.json"
    study.write_text(
        f'criteria = [{{ label = "mine", kind = "tracking", matcher = "{matcher}" }}]\nseeds = [0]\n'
        'scenarios = [{ label = "two", sources = 2 }]\n'
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


def test_rows_are_ordered_by_scenario_seed_and_criterion(tmp_path: Path) -> None:
    pit = CriterionEntry(label="PIT", kind="permutation-invariant")
    found = run_study(tiny(MSE, pit, scenarios=(ONE, TWO), seeds=(3, 4)), tmp_path)
    assert [(row["sources"], row["seed"], row["criterion"]) for row in found.rows] == [
        (sources, seed, label) for sources in (1, 2) for seed in (3, 4) for label in ("MSE", "PIT")
    ]


def test_a_criterion_that_fails_leaves_the_others_alone(tmp_path: Path) -> None:
    broken = CriterionEntry(label="broken", kind="tracking", matcher="nobody")
    jobs = [Job(study=tiny(), criterion=entry, scenario=TWO, seed=0, runs=tmp_path) for entry in (broken, MSE)]
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


def test_training_ends_when_the_validation_has_not_improved_for_its_patience() -> None:
    examples = draw_examples(SCENES, 1, "train", 0)
    settings = TrainingSettings(epochs=50, patience=3, batch_size=4, learning_rate=1e-6)
    localizer, curve = train(build_criterion(MSE, None), examples, examples, settings, 0)
    gospa = [record["gospa_deg"] for record in curve]
    best = gospa.index(min(gospa))
    assert len(curve) == best + 1 + 3 < 50
    assert score(estimate(localizer, examples.features), examples, settings.gate_deg).gospa_deg == min(gospa)


def test_epochs_of_the_warmup_are_neither_selected_nor_counted_by_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = draw_examples(SCENES, 1, "train", 0)
    values = iter([1.0, 9.0, 9.0, 5.0, 7.0, 6.0])
    monkeypatch.setattr(train_module, "score", lambda *_: score(*_)._replace(gospa_deg=next(values)))
    settings = TrainingSettings(epochs=50, patience=2, warmup=2, batch_size=4)
    _, curve = train(build_criterion(MSE, None), examples, examples, settings, 0)
    assert [record["gospa_deg"] for record in curve] == [1.0, 9.0, 9.0, 5.0, 7.0, 6.0]


def test_a_row_has_the_validation_of_the_epoch_that_is_kept(tmp_path: Path) -> None:
    training = TRAINING.model_copy(update={"epochs": 3, "warmup": 2})
    (row,) = run_study(tiny(MSE, training=training), tmp_path).rows
    assert row["validation_gospa_deg"] == row["curve"][2]["gospa_deg"]


def test_a_warmup_that_leaves_no_epoch_is_refused() -> None:
    with pytest.raises(ValueError, match="a warmup of 5 leaves none of 5 epochs"):
        TrainingSettings(epochs=5, warmup=5)


def test_a_moving_average_of_weights_is_validated_and_kept() -> None:
    examples = draw_examples(SCENES, 1, "train", 0)
    plain = TrainingSettings(epochs=2, patience=2, batch_size=4, learning_rate=0.01)
    kept = [
        train(build_criterion(MSE, None), examples, examples, plain.model_copy(update={"averaging": share}), 0)[0]
        for share in (None, 1e-9, 0.9)
    ]
    weights = [localizer.head.weight for localizer in kept]
    assert torch.allclose(weights[0], weights[1], atol=1e-6)
    assert not torch.allclose(weights[0], weights[2], atol=1e-4)


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[scenes]\ntrain = 3", "3 training scenes are less than a batch of 8"),
        ("opponents = ['nobody']", "opponent 'nobody' is no criterion"),
        ("seeds = [1]\n[tuning]\ntrials = 2\nseed = 1", "tuning.seed 1 is among the reported seeds"),
        ("[tuning]\ntrials = 2\nseed = 9\n[[scenarios]]\nlabel = 'a'\nsources = 1\ntuned_on = 'b'", "tuned_on is 'b'"),
        ("[scenes]\nsame_class = true", "it needs classes = true"),
    ],
)
def test_studies_that_make_no_sense_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "study.toml"
    given = "" if "[[scenarios]]" in text else "scenarios = []\n"
    path.write_text(f"criteria = []\n{given}{text}\n")
    with pytest.raises(ConfigError, match=re.escape(reason)):
        read_study(path)


def test_criteria_that_search_different_numbers_of_settings_are_refused() -> None:
    other = MSE.model_copy(update={"label": "other", "search": {"distance": (1.0, 2.0)}})
    with pytest.raises(ValueError, match="give each the same number"):
        tiny(MSE, other, tuning=TuningSettings(trials=2, seed=9))
