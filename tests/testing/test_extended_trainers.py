"""Defects of the optional methods of trainers are found, and sound trainers of unusual make pass."""

from contextlib import suppress
from dataclasses import replace

import pytest

import hnetzoo
from hnetzoo import testing
from hnetzoo.testing import extensions
from hnetzoo.testing.learning import check_resumes_exactly
from hnetzoo.testing.outcome import CheckFailure, CheckSkipped
from tests.testing.test_trainers import VALID

CHECKS = (*(check.function for check in extensions.TRAINER), check_resumes_exactly)

# The check meant for each defect, and what it says; others may find it too.
DEFECTS = {
    "ReturnsTheState": ("averaged", "returned an OrderedDict; return a module"),
    "ReturnsTheWrapper": ("averaged", r"unexpected: module\.read\.bias.*such as AveragedModel\.module"),
    "NeverUpdates": ("averaged", "still the initial ones after 40 steps"),
    "WritesIntoModel": ("averaged", "changed the model's weights; clone tensors"),
    "ForgetsAverage": ("resumes_exactly", "other averaged weights; return them from state_dict"),
    "LoadsNothing": ("trainer_state", r"load_state_dict does not restore state\.average"),
    "StoresObjects": ("trainer_state", "cannot be stored and read back"),
    "CannotLoad": ("trainer_state", "the trainer has no load_state_dict"),
    "NamedLikeOurs": ("metrics", "'f1', which hnetzoo measures itself; choose another name"),
    "ReturnsTensors": ("metrics", "'share_of_pairs' of type Tensor; return numbers"),
    "NotFinite": ("metrics", "'share_of_pairs' = nan; return finite numbers"),
    "ReturnsANumber": ("metrics", "a float; return a mapping"),
    "TurnsToTrain": ("metrics", "changed the model's mode"),
    "MovesWeights": ("metrics", "changed the model's weights"),
    "WritesIntoSplit": ("metrics", "changed the validation split"),
    "DrawsFromGlobal": ("metrics", "changed torch's global random state"),
    "CountsPadding": ("metrics_respect_masks", "outside the masks changes 'share_of_pairs'"),
}


def trainer(name: str) -> hnetzoo.TrainerSpec:
    return replace(VALID, target=f"tests.testing.extended_trainers:{name}")


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_found_by_the_check_for_it(name: str, expected: tuple[str, str]) -> None:
    with pytest.raises(CheckFailure, match=expected[1]):
        getattr(testing, f"check_{expected[0]}")(trainer(name))


@pytest.mark.parametrize("name", ["Averages", "AveragesByEpoch", "AveragesNothing", "Decays", "Measures"])
def test_sound_optional_methods_break_no_rule(name: str) -> None:
    for check in CHECKS:
        with suppress(CheckSkipped):
            check(trainer(name))


def test_checks_of_optional_methods_are_skipped_without_them() -> None:
    for check in extensions.TRAINER:
        with pytest.raises(CheckSkipped, match=r"^no method "):
            check.function(VALID)
