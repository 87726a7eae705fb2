"""Defects of models that show only under some condition are found, and unusual valid models pass."""

from collections.abc import Iterator

import pytest
import torch

from hnetzoo import testing
from hnetzoo.testing import sizes
from tests.testing.test_models import HERE, VALID, replace

# The check meant for each defect; others may find it too.
DEFECTS = {
    "InfiniteForForbidden": "forbidden_pairs",
    "PairsForbidden": "forbidden_pairs",
    "SpoilsForbiddenGradient": "forbidden_gradients",
    "LeaksInLargeBatches": "batch_independence",
    "LeaksInVeryLargeBatches": "batch_independence",
    "HalfInLargeBatches": "output_dtype",
    "DoubleForOne": "output_dtype",
    "IgnoresColumnsOfOneRow": "masks_respected",
    "IgnoresRowsOfMany": "masks_respected",
    "KeepsFirstMasks": "calls_independent",
    "WritesIntoMasks": "input_not_mutated",
    "WritesIntoLarge": "input_not_mutated",
    "WritesInTraining": "input_not_mutated",
    "NothingLeftInTraining": "all_masked_gradients",
    "DetachedPart": "gradient_values",
    "TurnedGradient": "gradient_values",
    "TurnedInTraining": "gradient_values",
    "LearnsInEval": "eval_keeps_state",
    "KeepsLastLogits": "eval_keeps_state",
    "CountsCalls": "eval_keeps_state",
    "RunningMean": "state_dict",
    "NotPersistent": "state_dict",
    "CopiesItself": "copies",
    "Unpicklable": "copies",
    "KeepsInferenceTensors": "inference_mode",
    "NeedsContiguous": "strided",
    "ReadsStorage": "strided",
    "ThreadsDecide": "threads",
    "SeedsGlobally": "process_left_alone",
    "SeedsNumpy": "process_left_alone",
    "SeedsOnBuilding": "process_left_alone",
    "SetsThreads": "process_left_alone",
    "Prints": "process_left_alone",
    "EightPositions": "large_problems",
    "FailsFromSixteen": "large_problems",
    "FailsFromThirty": "large_problems",
    "PairsOfPairs": "large_problems",
    "Lazy": "builds",
}


def failed(target: str, *tags: str) -> set[str]:
    spec = replace(VALID, target=f"{HERE}.{target}", tags=frozenset(tags))
    return {result.check.removeprefix("check_") for result in testing.check(spec).failures}


@pytest.fixture(autouse=True)
def _fresh_compiler() -> Iterator[None]:
    yield
    torch.compiler.reset()


@pytest.mark.parametrize(("name", "expected"), DEFECTS.items(), ids=DEFECTS)
def test_a_conditional_defect_is_found_by_the_check_for_it(name: str, expected: str) -> None:
    assert expected in failed(f"conditional_models:{name}")


def test_a_model_that_takes_too_long_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sizes, "SECONDS", 0.5)
    with pytest.raises(testing.CheckFailure, match=r"two problems of 64 x 64 take more than 0\.5 seconds"):
        testing.check_large_problems(replace(VALID, target=f"{HERE}.conditional_models:Waits"))


@pytest.mark.parametrize("name", ["StochasticDepth", "LowRank", "TableBySize", "compiled"])
def test_an_unusual_model_raises_no_false_alarm(name: str) -> None:
    assert failed(f"unusual_models:{name}") == set()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TorchScript is deprecated
def test_a_scripted_model_raises_no_false_alarm() -> None:
    assert failed("unusual_models:scripted") == set()


@pytest.mark.parametrize(
    ("name", "tag", "without"),
    [
        ("AuxiliaryHead", "auxiliary-parameters", {"gradients"}),
        ("Float32Kernel", "float32-only", {"float64"}),
    ],
)
def test_a_tag_exempts_from_the_rule_that_it_names(name: str, tag: str, without: set[str]) -> None:
    assert failed(f"unusual_models:{name}") == without
    assert failed(f"unusual_models:{name}", tag) == set()


def test_a_lazy_module_ends_in_one_line_that_says_what_is_supported() -> None:
    spec = replace(VALID, target=f"{HERE}.conditional_models:Lazy")
    (failure,) = testing.check(spec).failures
    assert failure.reason.startswith("read.weight has no size yet; lazy modules are not supported")


def test_a_failure_shows_the_smallest_batch_and_problem_that_break_the_rule() -> None:
    with pytest.raises(testing.CheckFailure, match="row_mask") as caught:
        testing.check_masks_respected(replace(VALID, target=f"{HERE}.conditional_models:IgnoresRowsOfMany"))
    assert caught.value.problem is not None
    assert caught.value.problem.distance.shape == (5, 3)
