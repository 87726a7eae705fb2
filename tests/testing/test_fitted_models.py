"""Defects of models that learn by fitting are found, and sound ones of unusual make pass."""

from dataclasses import replace

import pytest

import hnetzoo
from hnetzoo import testing
from hnetzoo.testing.outcome import CheckFailure
from tests.testing.test_models import VALID

# The check meant for each defect, and what it says; others may find it too.
DEFECTS = {
    "GrowsWithData": ("fit", r"fit changes weights \(of another shape: threshold is \[32\] instead of \[\]\)"),
    "LearnsNothing": ("fit", "fit changes no weight; keep what is learned"),
    "LearnsTheOpposite": ("fit", r"the mean logit of true pairs exceeds that of others by -\d"),
    "RefusesFeatureless": ("fit", "fit raised RuntimeError: needs features"),
    "KeepsElsewhere": ("state_dict", "register all state as parameters and buffers"),
    "OwnRandomness": ("fit_deterministic", "under the same seed changes threshold, the logits"),
    "WritesIntoProblems": ("fit_batch_not_mutated", "fit writes into distance"),
    "LearnsFromMasked": ("fit_respects_masks", "nan outside the masks changes threshold"),
    "LearnsFromForbidden": ("fit_forbidden_pairs", "gives logits that are not finite"),
    "DividesByNone": ("fit_of_one_kind", "problems without a true pair, the model gives logits that are not finite"),
}


def model(name: str, *tags: str) -> hnetzoo.ModelSpec:
    return replace(VALID, target=f"tests.testing.fitted_models:{name}", tags=frozenset(tags))


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_found_by_the_check_for_it(name: str, expected: tuple[str, str]) -> None:
    with pytest.raises(CheckFailure, match=expected[1]):
        getattr(testing, f"check_{expected[0]}")(model(name, "fitted"))


@pytest.mark.parametrize(
    ("name", "tags"), [("Fitted", ()), ("Nearest", ("non-differentiable",)), ("FittedParameters", ())]
)
def test_sound_models_that_are_fitted_break_no_rule(name: str, tags: tuple[str, ...]) -> None:
    report = testing.check(model(name, "fitted", *tags))
    assert report.failures == ()
    passed = {result.check for result in report.results if result.outcome == "passed"}
    assert {"check_fit", "check_fit_deterministic", "check_state_dict", "check_padding_invariance"} <= passed


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (model("Fitted"), "has a method fit, by which it is trained; tag it 'fitted'"),
        (model("Fitted", "fitted", "non-learned"), "tagged 'fitted' and 'non-learned'"),
        (replace(VALID, tags=frozenset({"fitted"})), "tagged 'fitted' and has no method fit"),
    ],
)
def test_the_tag_and_the_method_go_together(spec: hnetzoo.ModelSpec, said: str) -> None:
    with pytest.raises(CheckFailure, match=said):
        testing.check_fit_declared(spec)
