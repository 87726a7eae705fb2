"""Every defect of a dataset is found by the check for it, and a valid dataset passes all checks."""

from dataclasses import replace

import numpy as np
import pytest

import hnetzoo
from hnetzoo import testing


def dataset(name: str, *tags: str) -> hnetzoo.DatasetSpec:
    return hnetzoo.DatasetSpec(
        name="acme-data",
        summary="A dataset.",
        target=f"tests.testing.datasets:{name}",
        config="tests.testing.settings:Valid",
        tags=frozenset(tags),
    )


def replace_target(target: str) -> hnetzoo.DatasetSpec:
    return replace(dataset("Valid"), target=target)


def failed(spec: hnetzoo.DatasetSpec, **settings: object) -> set[str]:
    return {result.check.removeprefix("check_") for result in testing.check(spec, settings).failures}


# If a defect breaks several rules, the first is the one meant for it.
DEFECTS = {
    "NoUnit": ("unit",),
    "WrongShape": ("shapes",),
    "PlainTuple": ("shapes",),
    "FailsToLoad": ("shapes",),
    "DoublePrecision": ("dtypes",),
    "NoValidation": ("splits_hold_problems",),
    "NotNumbers": ("distances_are_numbers",),
    "SeveralPairsPerRow": ("truth_one_to_one",),
    "TruthOutsideMasks": ("truth_inside_masks",),
    "GlobalRandomness": ("same_seed_same_data", "load_order_is_irrelevant", "same_in_another_process"),
    "OneGenerator": ("load_order_is_irrelevant",),
    "OneSplit": ("splits_disjoint",),
    "TestsOnTraining": ("splits_disjoint",),
    "MisshapenActivity": ("shapes",),
    "ActivityMethod": ("activity",),
    "MaskedSlotActive": ("activity",),
    "InactivePairTrue": ("activity",),
    "LoadsNothing": ("builds",),
}
OF_TAG = {
    "SecondBest": ("optimal-truth", "truth_optimal"),
    "OmitsPairs": ("optimal-truth", "truth_optimal"),
    "IgnoresSeed": ("synthetic", "other_seed_other_data"),
}


@pytest.mark.parametrize("name", ["Valid", "Active"])
def test_a_valid_dataset_breaks_no_rule(name: str) -> None:
    report = testing.check(dataset(name, "synthetic", "optimal-truth"))
    assert report.failures == ()
    assert {result.check for result in report.results if result.outcome == "skipped"} <= {"check_activity"}


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_found_by_the_check_for_it(name: str, expected: tuple[str, ...]) -> None:
    assert failed(dataset(name)) == set(expected)


@pytest.mark.parametrize(("name", "tag", "expected"), [(name, *rest) for name, rest in OF_TAG.items()], ids=OF_TAG)
def test_a_rule_of_a_tag_is_checked_only_if_it_is_declared(name: str, tag: str, expected: str) -> None:
    assert failed(dataset(name, tag)) == {expected}
    assert failed(dataset(name)) == set()


def test_a_failure_names_the_problem_by_split_seed_and_index() -> None:
    with pytest.raises(testing.CheckFailure, match=r"place test split, seed 0, problem 7, distance \[\[") as caught:
        testing.check_distances_are_numbers(dataset("NotNumbers"))
    assert caught.value.problem is not None
    assert "nan" in str(caught.value.problem.to_json()["distance"])


def test_checks_do_not_change_numpys_global_generator() -> None:
    np.random.seed(5)
    before = np.random.get_state()[1].tolist()
    testing.check_same_seed_same_data(dataset("Valid"))
    assert np.random.get_state()[1].tolist() == before
