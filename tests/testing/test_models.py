"""Every defect of a model is caught by the check meant for it, and a sound model by none."""

from dataclasses import replace

import pytest
import torch

import hnetzoo
from hnetzoo import testing

HERE = "tests.testing"
SOUND = hnetzoo.ModelSpec(
    name="acme-net",
    summary="A sound model.",
    target=f"{HERE}.models:Sound",
    config=f"{HERE}.settings:Sound",
    citation=hnetzoo.Citation(authors="A. Cme", title="Sound models", year=2024),
)


def model(name: str, **changes: object) -> hnetzoo.ModelSpec:
    return replace(SOUND, target=f"{HERE}.models:{name}", **changes)  # type: ignore[arg-type]


def settings(name: str, module: str = "settings") -> hnetzoo.ModelSpec:
    return replace(SOUND, config=f"{HERE}.{module}:{name}")


def failed(spec: hnetzoo.ModelSpec, **given: object) -> set[str]:
    """Run all checks and return which failed."""
    return {result.check.removeprefix("check_") for result in testing.check(spec, given).failures}


# Where a mistake breaks several rules, the one meant for it stands first.
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
    "WritesIntoInput": ("input_not_mutated",),
    "Noisy": ("deterministic",),
    "OrderedRows": ("row_equivariance",),
    "OrderedColumns": ("column_equivariance",),
    "SquareOnly": ("rectangular",),
    "LosesSinglePair": ("one_by_one",),
    "StumblesOverNothing": ("empty",),
    "DividesByExisting": ("all_masked",),
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
    "no-citation": (replace(SOUND, citation=None), "citation"),
    "untitled": (replace(SOUND, citation=hnetzoo.Citation(authors="A. Cme", title="", year=2024)), "citation"),
    "no-summary": (replace(SOUND, summary=" "), "summary"),
    "trainer-nowhere": (replace(SOUND, trainer="hnett"), "defaults_exist"),
    "dataset-nowhere": (replace(SOUND, dataset="dao"), "defaults_exist"),
    "silent-setting": (settings("Silent"), "settings_documented"),
    "heavy-settings": (settings("Heavy", "heavy_settings"), "import_is_light"),
    "foreign-settings": (settings("Foreign"), "settings_class"),
    "no-settings": (settings("Absent"), "settings_class"),
    "no-weights": (
        replace(SOUND, pretrained=(hnetzoo.Pretrained(weights="tests:none.safetensors", card="tests:none.json"),)),
        "pretrained",
    ),
}


def test_a_sound_model_breaks_no_rule_and_is_excused_from_few() -> None:
    report = testing.check(SOUND)
    assert report.failures == ()
    skipped = {result.check for result in report.results if result.outcome == "skipped"}
    assert skipped <= {"check_pretrained", "check_device"}


@pytest.mark.parametrize("name", ["StartsAtZero", "Dropout"])
def test_unusual_but_sound_models_break_no_rule(name: str) -> None:
    assert failed(model(name)) == set()


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_caught_by_the_check_meant_for_it(name: str, expected: tuple[str, ...]) -> None:
    assert failed(model(name)) == set(expected)


@pytest.mark.parametrize(("spec", "expected"), DECLARED.values(), ids=DECLARED)
def test_a_defective_declaration_is_caught_by_the_check_meant_for_it(spec: hnetzoo.ModelSpec, expected: str) -> None:
    assert failed(spec) == {expected}


def test_settings_that_are_not_written_down_are_caught() -> None:
    assert failed(settings("Forgetful"), scale=3.0) == {"settings_survive_json"}


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("OrderedRows", "order-dependent"),
        ("OrderedColumns", "order-dependent"),
        ("SquareOnly", "fixed-size"),
        ("StumblesOverNothing", "fixed-size"),
        ("CountsPadding", "fixed-size"),
        ("NothingToLearn", "non-learned"),
        ("CutsGradient", "non-differentiable"),
    ],
)
def test_a_declared_limit_is_no_defect(name: str, tag: str) -> None:
    report = testing.check(model(name, tags=frozenset({tag})))
    assert report.failures == ()
    assert f"tagged '{tag}'" in {result.reason for result in report.results}


def test_a_failure_shows_the_smallest_problem_that_breaks_the_rule() -> None:
    with pytest.raises(testing.CheckFailure, match=r"rows in the order \[1, 0\] get other answers") as caught:
        testing.check_row_equivariance(model("OrderedRows"))
    assert caught.value.problem is not None
    assert caught.value.problem.distance.shape == (2, 2)
    with pytest.raises(testing.CheckFailure, match=r"distances \[4, 1, 2\]; smallest input tried: distance \[\["):
        testing.check_rectangular(model("SquareOnly"))


def test_a_rule_behind_a_broken_one_is_skipped_and_says_so() -> None:
    report = testing.check(model("OutOfShape"))
    reasons = {result.check: result.reason for result in report.results if result.outcome == "skipped"}
    assert reasons["check_gradients"] == "needs check_output_shape"
    assert report.count("failed") + report.count("skipped") + report.count("passed") == len(report.results)


def test_a_model_that_ends_the_program_does_not_end_the_checks() -> None:
    assert "output_shape" in failed(model("EndsTheProgram"))


def test_checks_leave_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    testing.check(model("Dropout"))
    assert torch.equal(torch.get_rng_state(), before)
