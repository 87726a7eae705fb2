"""Every defect of a trainer is found by the check for it, and a valid trainer passes all checks."""

from dataclasses import replace

import pytest

import hnetzoo
from hnetzoo import testing

VALID = hnetzoo.TrainerSpec(
    name="acme-trainer",
    summary="A trainer.",
    target="tests.testing.trainers:Valid",
    config="tests.testing.settings:ValidTrainer",
)


def trainer(name: str) -> hnetzoo.TrainerSpec:
    return replace(VALID, target=f"tests.testing.trainers:{name}")


def failed(spec: hnetzoo.TrainerSpec) -> set[str]:
    return {result.check.removeprefix("check_") for result in testing.check(spec).failures}


# If a defect breaks several rules, the first is the one meant for it.
DEFECTS = {
    "Unnamed": ("losses_named",),
    "PerProblem": ("losses_named",),
    "MeanOverNothing": ("losses_finite",),
    "CutsGradient": ("losses_differentiable",),
    "Constant": ("losses_differentiable", "loss_falls", "model_learns", "every_parameter_trained"),
    "ForgetsMasks": ("losses_respect_masks",),
    "UndeclaredSum": ("reduction",),
    "WrongReduction": ("reduction",),
    "PythonRandomness": ("losses_deterministic", "losses_respect_masks", "resumes_exactly", "validation_not_learned"),
    "WritesIntoBatch": ("batch_not_mutated",),
    "TurnsToEval": ("model_left_alone",),
    "Reinitialises": ("model_left_alone",),
    "ForgetsBias": ("optimization", "every_parameter_trained"),
    "BareOptimizer": ("optimization",),
    "ShortSchedule": ("optimization",),
    "GradientAscent": ("loss_falls", "model_learns"),
    "ZeroRate": ("loss_falls", "model_learns", "every_parameter_trained"),
    "Maximises": ("model_learns", "losses_of_all_pairs"),
    "ForgetsRate": ("resumes_exactly", "one_schedule"),
    "NoTrainer": ("builds",),
}


@pytest.mark.parametrize("name", ["Valid", "Augments", "Sums"])
def test_a_valid_trainer_breaks_no_rule(name: str) -> None:
    assert failed(trainer(name)) == set()


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_found_by_the_check_for_it(name: str, expected: tuple[str, ...]) -> None:
    assert failed(trainer(name)) == set(expected)


def test_settings_without_epochs_and_batch_size_are_refused() -> None:
    assert failed(replace(VALID, config="tests.testing.settings:LooseTrainer")) == {"settings_class"}


def test_a_failure_shows_how_the_loss_rose() -> None:
    with pytest.raises(testing.CheckFailure, match=r"^the loss went from .* to .* in 40 steps"):
        testing.check_loss_falls(trainer("GradientAscent"))
