"""Every defect of a model is found by the check for it, and a valid model passes all checks."""

from dataclasses import replace

import pytest
import torch

import hnetzoo
from hnetzoo import testing
from hnetzoo.testing import fitting

HERE = "tests.testing"
VALID = hnetzoo.ModelSpec(
    name="acme-net",
    summary="A valid model.",
    target=f"{HERE}.models:Valid",
    config=f"{HERE}.settings:Valid",
    citation=hnetzoo.Citation(authors="A. Cme", title="Valid models", year=2024),
)


def model(name: str, **changes: object) -> hnetzoo.ModelSpec:
    return replace(VALID, target=f"{HERE}.models:{name}", **changes)  # type: ignore[arg-type]


def settings(name: str, module: str = "settings") -> hnetzoo.ModelSpec:
    return replace(VALID, config=f"{HERE}.{module}:{name}")


def failed(spec: hnetzoo.ModelSpec, **given: object) -> set[str]:
    """Return the names of the failed checks."""
    return {result.check.removeprefix("check_") for result in testing.check(spec, given).failures}


FEATURE_CHECKS = {f"check_features_{rule}" for rule in ("count", "used", "masked", "permuted")}
FIT_CHECKS = {check.name for check in fitting.MODEL if check.only}
TAKES_FEATURES = replace(VALID, target=f"{HERE}.models:TakesFeatures", tags=frozenset({"features"}))

# If a defect breaks several rules, the first is the one meant for it.
DEFECTS = {
    "OutOfShape": ("output_shape",),
    "LosesBatchAxis": ("batch_of_one",),
    "Double": ("output_dtype",),
    "LogarithmOfZero": ("output_finite",),
    "BatchStatistics": ("batch_independence",),
    "IgnoresMasks": ("masks_respected", "padding_invariance"),
    "LeaksMasked": ("masked_output_finite", "all_masked"),
    "DifferentWithoutMasks": ("masks_default_to_true", "padding_invariance"),
    "CountsPadding": ("padding_invariance",),
    "WritesIntoInput": ("input_not_mutated", "gradient_values"),
    "Noisy": ("deterministic", "process_left_alone"),
    "OrderedRows": ("row_equivariance",),
    "OrderedColumns": ("column_equivariance",),
    "SquareOnly": ("rectangular",),
    "LosesSinglePair": ("one_by_one",),
    "FailsOnEmpty": ("empty",),
    "DividesByValidCount": ("all_masked", "all_masked_gradients"),
    "NothingToLearn": ("parameters",),
    "DeadLayer": ("gradients",),
    "CutsGradient": ("distance_gradient",),
    "SpoilsMaskedGradient": ("masked_gradients",),
    "HidesState": ("state_dict",),
    "OwnRandomness": ("seeded_weights",),
    "NumberedWeights": ("rebuilt_from_settings", "seeded_weights", "state_dict"),
    "SinglePrecision": ("float64",),
    "StaysOnCpu": ("device",),
    "NotAModule": ("builds",),
    "Unbuildable": ("builds",),
    "Absent": ("builds",),
}
DECLARED = {
    "no-citation": (replace(VALID, citation=None), "citation"),
    "untitled": (replace(VALID, citation=hnetzoo.Citation(authors="A. Cme", title="", year=2024)), "citation"),
    "no-summary": (replace(VALID, summary=" "), "summary"),
    "trainer-nowhere": (replace(VALID, trainer="hnett"), "defaults_exist"),
    "dataset-nowhere": (replace(VALID, dataset="dao"), "defaults_exist"),
    "silent-setting": (settings("Undocumented"), "settings_documented"),
    "heavy-settings": (settings("Heavy", "heavy_settings"), "import_is_light"),
    "foreign-settings": (settings("Foreign"), "settings_class"),
    "no-settings": (settings("Absent"), "settings_class"),
    "no-weights": (
        replace(VALID, pretrained=(hnetzoo.Pretrained(weights="tests:none.safetensors", card="tests:none.json"),)),
        "pretrained",
    ),
}


def test_a_valid_model_breaks_no_rule_and_few_checks_are_skipped() -> None:
    report = testing.check(VALID)
    assert report.failures == ()
    skipped = {result.check for result in report.results if result.outcome == "skipped"}
    assert skipped <= {"check_pretrained", "check_card", "check_device", *FEATURE_CHECKS, *FIT_CHECKS}


@pytest.mark.parametrize("name", ["StartsAtZero", "Dropout"])
def test_unusual_but_valid_models_break_no_rule(name: str) -> None:
    assert failed(model(name)) == set()


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_found_by_the_check_for_it(name: str, expected: tuple[str, ...]) -> None:
    assert failed(model(name)) == set(expected)


def test_a_valid_model_of_features_passes_their_checks() -> None:
    report = testing.check(TAKES_FEATURES)
    assert report.failures == ()
    assert {result.check for result in report.results if result.outcome == "passed"} >= FEATURE_CHECKS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CountsNoFeatures", {"features_count"}),
        ("OverlooksFeatures", {"features_used"}),
        ("LeaksFeatures", {"features_masked"}),
        ("FeaturesByPlace", {"features_permuted"}),
    ],
)
def test_a_defect_of_features_is_found_by_the_check_for_it(name: str, expected: set[str]) -> None:
    assert failed(replace(TAKES_FEATURES, target=f"{HERE}.models:{name}")) == expected


@pytest.mark.parametrize(("spec", "expected"), DECLARED.values(), ids=DECLARED)
def test_a_defective_declaration_is_found_by_the_check_for_it(spec: hnetzoo.ModelSpec, expected: str) -> None:
    assert failed(spec) == {expected}


def test_settings_that_are_lost_in_json_are_found() -> None:
    assert failed(settings("Excluded"), scale=3.0) == {"settings_survive_json"}


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("OrderedRows", "order-dependent"),
        ("OrderedColumns", "order-dependent"),
        ("SquareOnly", "fixed-size"),
        ("FailsOnEmpty", "fixed-size"),
        ("CountsPadding", "fixed-size"),
        ("NothingToLearn", "non-learned"),
        ("CutsGradient", "non-differentiable"),
    ],
)
def test_a_declared_limit_is_not_a_defect(name: str, tag: str) -> None:
    report = testing.check(model(name, tags=frozenset({tag})))
    assert report.failures == ()
    assert f"tagged '{tag}'" in {result.reason for result in report.results}


def test_a_failure_shows_the_smallest_problem_that_breaks_the_rule() -> None:
    with pytest.raises(testing.CheckFailure, match=r"rows in the order \[1, 0\] give other logits") as caught:
        testing.check_row_equivariance(model("OrderedRows"))
    assert caught.value.problem is not None
    assert caught.value.problem.distance.shape == (2, 2)
    with pytest.raises(testing.CheckFailure, match=r"distances \[4, 1, 2\]; smallest input tried: distance \[\["):
        testing.check_rectangular(model("SquareOnly"))


def test_a_check_blocked_by_a_failed_one_is_skipped_and_names_it() -> None:
    report = testing.check(model("OutOfShape"))
    reasons = {result.check: result.reason for result in report.results if result.outcome == "skipped"}
    assert reasons["check_gradients"] == "needs check_output_shape"
    assert report.count("failed") + report.count("skipped") + report.count("passed") == len(report.results)


def test_a_model_that_exits_the_program_fails_its_check() -> None:
    assert "output_shape" in failed(model("ExitsTheProgram"))


def test_checks_do_not_change_the_global_generator() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    testing.check(model("Dropout"))
    assert torch.equal(torch.get_rng_state(), before)
