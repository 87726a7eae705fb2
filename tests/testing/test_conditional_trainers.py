"""Defects of trainers that a single look at the loss does not show are found."""

import pytest

from hnetzoo import testing
from tests.testing.test_trainers import VALID, replace

# The check meant for each defect; others may find it too.
DEFECTS = {
    "WritesInEval": "batch_not_mutated",
    "WritesWhenPreparing": "batch_not_mutated",
    "WritesIntoFeatures": "batch_not_mutated",
    "ForgetsOtherPairs": "losses_of_all_pairs",
    "DetachesTerm": "losses_same_terms",
    "TermInTrainingOnly": "losses_same_terms",
    "FreezesByHook": "every_parameter_trained",
    "FreezesLater": "every_parameter_trained",
    "CountsSteps": "resumes_exactly",
    "HalfTheProblems": "losses_use_every_problem",
    "LearnsFromValidation": "validation_not_learned",
    "LoadsTest": "only_training_data",
    "SecondScheduler": "one_schedule",
    "DividesByWeight": "losses_without_a_weight",
}
UNSUPPORTED = {"ByLBFGS": "LBFGS.step needs closure", "ByPlateau": "ReduceLROnPlateau.step needs metrics"}


def failures(name: str) -> dict[str, str]:
    target, config = f"tests.testing.conditional_trainers:{name}", "tests.testing.settings:WeightedTrainer"
    report = testing.check(replace(VALID, target=target, config=config))
    return {result.check.removeprefix("check_"): result.reason for result in report.failures}


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_conditional_defect_is_found_by_the_check_for_it(name: str, expected: str) -> None:
    assert expected in failures(name)


@pytest.mark.parametrize(("name", "reason"), UNSUPPORTED.items(), ids=UNSUPPORTED)
def test_what_the_loop_does_not_support_ends_in_one_line(name: str, reason: str) -> None:
    found = failures(name)
    assert found.keys() == {"optimization"}
    assert found["optimization"].startswith(reason)
    assert "supported are" in found["optimization"]
