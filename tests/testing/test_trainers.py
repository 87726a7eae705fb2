"""Every defect of a trainer is caught by the check meant for it, and a sound trainer by none."""

from dataclasses import replace

import pytest

import hnetzoo
from hnetzoo import testing

SOUND = hnetzoo.TrainerSpec(
    name="acme-trainer",
    summary="A trainer.",
    target="tests.testing.trainers:Sound",
    config="tests.testing.settings:SoundTrainer",
)


def trainer(name: str) -> hnetzoo.TrainerSpec:
    return replace(SOUND, target=f"tests.testing.trainers:{name}")


def failed(spec: hnetzoo.TrainerSpec) -> set[str]:
    return {result.check.removeprefix("check_") for result in testing.check(spec).failures}


# Where a mistake breaks several rules, the one meant for it stands first.
DEFECTS = {
    "Unnamed": ("losses_named",),
    "PerProblem": ("losses_named",),
    "MeanOverNothing": ("losses_finite",),
    "CutsGradient": ("losses_differentiable",),
    "Constant": ("losses_differentiable", "loss_falls", "model_learns"),
    "ForgetsMasks": ("losses_respect_masks",),
    "ForgetsItsReduction": ("reduction",),
    "SaysSum": ("reduction",),
    "OwnDice": ("losses_deterministic", "losses_respect_masks", "resumes_exactly"),
    "WritesIntoBatch": ("batch_not_mutated",),
    "TurnsToEval": ("model_left_alone",),
    "Reinitialises": ("model_left_alone",),
    "ForgetsBias": ("optimization",),
    "BareOptimizer": ("optimization",),
    "ShortSchedule": ("optimization",),
    "Climbs": ("loss_falls", "model_learns"),
    "StandsStill": ("loss_falls", "model_learns"),
    "Maximises": ("model_learns",),
    "ForgetsRate": ("resumes_exactly",),
    "NoTrainer": ("builds",),
}


@pytest.mark.parametrize("name", ["Sound", "Augments", "Sums"])
def test_a_sound_trainer_breaks_no_rule(name: str) -> None:
    assert failed(trainer(name)) == set()


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_defect_is_caught_by_the_check_meant_for_it(name: str, expected: tuple[str, ...]) -> None:
    assert failed(trainer(name)) == set(expected)


def test_settings_without_epochs_and_batch_size_are_no_trainers() -> None:
    assert failed(replace(SOUND, config="tests.testing.settings:LooseTrainer")) == {"settings_class"}


def test_a_loss_that_rises_is_shown_with_its_numbers() -> None:
    with pytest.raises(testing.CheckFailure, match=r"^the loss went from .* to .* in 40 steps"):
        testing.check_loss_falls(trainer("Climbs"))
