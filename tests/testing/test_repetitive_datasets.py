"""Defects of datasets that single problems do not show are found."""

import pytest

from hnetzoo import testing
from tests.testing.test_datasets import failed, replace_target

# The check meant for each defect; others may find it too.
DEFECTS = {
    "HashSeeded": "same_in_another_process",
    "SetOrder": "same_in_another_process",
    "MovedTraining": "splits_disjoint",
    "RoundedTraining": "splits_disjoint",
    "NoisyTraining": "splits_disjoint",
    "Diagonal": "truth_not_by_order",
    "TrueAtInfinity": "truth_possible",
    "TrueAtInfinityInTraining": "truth_possible",
    "OneProblem": "problems_differ",
    "OneProblemMoved": "problems_differ",
}


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_of_many_problems_is_found_by_the_check_for_it(name: str, expected: str) -> None:
    assert expected in failed(replace_target(f"tests.testing.repetitive_datasets:{name}"))


def test_the_repeated_problem_is_shown() -> None:
    with pytest.raises(testing.CheckFailure, match=r"40 problems of the train split are only 1 distinct ones"):
        testing.check_problems_differ(replace_target("tests.testing.repetitive_datasets:OneProblem"))
