"""Problems on which the best models differ: which models are asked, what is returned, and what is said instead."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.benchmark.disagreements import MOST_SHOWN, Found, find_disagreements
from hnetzoo.benchmark.entrants import TrainingOptions
from hnetzoo.benchmark.jobs import JobRunner, Options, Outcome
from hnetzoo.benchmark.plan import Job, plan
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite

Jobs = Callable[..., list[Job]]
NEAR, NEARER, WILD = (ModelEntry(name="near", label=f"gate {g}", settings={"gate": g}) for g in (0.7, 0.6, 0.1))


def found(jobs: list[Job], options: Options | None = None) -> Found:
    options = options or Options()
    return find_disagreements([JobRunner(options).run(job) for job in jobs], options)


def test_the_two_best_models_are_compared_on_the_problems_where_they_differ(jobs_of: Jobs) -> None:
    result = found(jobs_of(WILD, NEAR, NEARER))
    drawn = torch.rand(200, generator=torch.Generator().manual_seed(0))
    differ = [index for index, value in enumerate(drawn.tolist()) if 0.6 <= value < 0.7]
    assert [problem.index for problem in result.problems] == differ[:MOST_SHOWN]
    for problem in result.problems:
        assert problem.answers == {"gate 0.7": ((0, 0),), "gate 0.6": ()}
        assert problem.truth == ((0, 0),), "the truth of the test problems is below 0.7"
        assert problem.distance == ((pytest.approx(drawn[problem.index].item()),),)
        assert (problem.task, problem.seed, problem.unit) == ("drift", 0, "metres")
    (note,) = result.notes
    assert note.startswith(f"drift: gate 0.7 and gate 0.6 differ on {len(differ)} of the first 200 test problems")


def test_models_that_agree_show_nothing(jobs_of: Jobs) -> None:
    same = ModelEntry(name="near", label="same", settings={"gate": 0.7})
    result = found(jobs_of(NEAR, same))
    assert result == Found(notes=("drift: gate 0.7 and same differ on 0 of the first 200 test problems.",))


def test_the_baseline_answers_beside_the_two_best() -> None:
    models = tuple(ModelEntry(name=name) for name in ("hungarian", "hungarian-gated", "greedy", "mutual-nearest"))
    suite = Suite(models=models, datasets=(Entry(name="doa", settings={"samples": 300}),), seeds=(3,))
    result = found(list(plan(suite, hnetzoo.discover()).jobs))
    assert 0 < len(result.problems) <= MOST_SHOWN
    for problem in result.problems:
        first, second, baseline = problem.answers
        assert (first, baseline) == ("hungarian-gated", "hungarian")
        assert problem.answers[first] != problem.answers[second]
        assert len(problem.row_active) == len(problem.distance) == 2


def test_masked_slots_are_left_out_and_large_problems_are_not_shown() -> None:
    models = (ModelEntry(name="greedy"), ModelEntry(name="hungarian"))
    small, large = (
        Entry(name="lsap", label=f"up to {size}", settings={"min_size": least, "max_size": size, "samples": 300})
        for least, size in ((2, 9), (14, 16))
    )
    result = found(list(plan(Suite(models=models, datasets=(small, large)), hnetzoo.discover()).jobs))
    assert {problem.task for problem in result.problems} == {"up to 9"}
    assert len({len(problem.distance) for problem in result.problems}) > 1, "sizes differ once masked slots are gone"
    assert "; 0 of them are shown, with at most 12 slots a side." in result.notes[1]


def test_boxes_are_handed_on_with_their_names() -> None:
    models = (ModelEntry(name="greedy"), ModelEntry(name="hungarian"))
    suite = Suite(models=models, datasets=(Entry(name="box-tracks", settings={"samples": 200}),))
    problem = found(list(plan(suite, hnetzoo.discover()).jobs)).problems[0]
    assert problem.features == hnetzoo.boxes.FEATURES
    assert problem.row_features is not None
    assert {len(values) for values in problem.row_features} == {len(problem.features)}
    assert len(problem.row_features) == len(problem.distance)


def test_a_model_that_fails_when_asked_again_is_replaced_by_the_next(jobs_of: Jobs) -> None:
    outcomes = [JobRunner(Options()).run(job) for job in jobs_of(NEAR, NEARER, WILD)]
    (broken,) = jobs_of(ModelEntry(name="near", label="gate 0.7", settings={"raises": "SystemExit"}))
    outcomes[0] = Outcome(job=broken, result=outcomes[0].result)
    result = find_disagreements(outcomes, Options())
    assert result.notes[0] == "drift: gate 0.7 was not asked again: SystemExit: no luck."
    assert set(result.problems[0].answers) == {"gate 0.6", "gate 0.1"}


def test_problems_that_cannot_be_drawn_again_are_a_note(jobs_of: Jobs) -> None:
    outcome = JobRunner(Options()).run(jobs_of(NEAR)[0])
    (broken,) = jobs_of(NEAR, dataset=Entry(name="drift", settings={"broken": True}))
    result = find_disagreements([Outcome(job=broken, result=outcome.result)], Options())
    assert result == Found(notes=("drift: its problems were not drawn again: no luck with this file.",))


def test_one_model_has_none_to_disagree_with(jobs_of: Jobs) -> None:
    assert found(jobs_of(NEAR)).notes == ("drift: no two models could be asked again.",)


def test_a_tuned_model_is_asked_with_its_settings_and_tuned_no_more(jobs_of: Jobs) -> None:
    tuned = ModelEntry(name="near", label="tuned", tune={"gate": [0.1, 0.3, 0.9]})
    result = found(jobs_of(tuned, NEAR))
    by_hand = ModelEntry(name="near", label="tuned", settings={"gate": 0.3})
    assert result.problems == found(jobs_of(by_hand, NEAR)).problems
    assert result.problems


def test_trained_models_are_asked_if_their_weights_are_at_hand(tmp_path: Path) -> None:
    doa = Entry(name="doa", settings={"samples": 600})
    trained = ModelEntry(name="dual-softmax", train=True, trainer={"epochs": 1})
    jobs = list(plan(Suite(models=(trained, ModelEntry(name="greedy")), datasets=(doa,)), hnetzoo.discover()).jobs)
    options = Options(training=TrainingOptions(runs=tmp_path))
    outcomes = [JobRunner(options).run(job) for job in jobs]
    result = find_disagreements(outcomes, options)
    assert "dual-softmax" in result.notes[0]
    assert "not asked" not in result.notes[0]
    (directory,) = tmp_path.iterdir()
    directory.rename(tmp_path / "elsewhere")
    gone = find_disagreements(outcomes, options)
    assert gone.notes[0] == (
        "doa: dual-softmax was not asked again: its trained weights are not at hand; "
        "run the benchmark again with --fresh."
    )
    assert not directory.exists(), "nothing is trained again"
