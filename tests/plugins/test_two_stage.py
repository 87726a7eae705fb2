"""Two-stage matching by confidence."""

import pytest
import torch

import hnetzoo
from hnetzoo_mot.config import TwoStageConfig
from hnetzoo_mot.two_stage import CONFIDENCE, TwoStage


def solve(distance: torch.Tensor, confidence: torch.Tensor | None, **settings: float) -> torch.Tensor:
    model, features = TwoStage(TwoStageConfig(**settings), (2, 2)), {}
    if confidence is not None:
        columns = torch.zeros(*confidence.shape, model.feature_count)
        columns[..., CONFIDENCE] = confidence
        features = {"row_features": torch.zeros(*distance.shape[:2], model.feature_count), "col_features": columns}
    return model(distance, **features) > 0  # type: ignore[no-any-return]


@pytest.fixture
def problems() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(200, 4, 5, generator=generator), torch.rand(200, 5, generator=generator)


def test_the_first_stage_is_the_gated_assignment_of_sure_detections(
    problems: tuple[torch.Tensor, torch.Tensor],
) -> None:
    distance, confidence = problems
    sure = confidence >= 0.5
    found = solve(distance, confidence, sure=0.5, gate=0.3, second_gate=0.0)
    full = torch.ones(200, 4, dtype=torch.bool)
    assert torch.equal(found, hnetzoo.assign(distance, full, sure, gate=0.3))


def test_the_second_stage_matches_what_is_left(problems: tuple[torch.Tensor, torch.Tensor]) -> None:
    distance, confidence = problems
    sure = confidence >= 0.5
    first = solve(distance, confidence, sure=0.5, gate=0.3, second_gate=0.0)
    found = solve(distance, confidence, sure=0.5, gate=0.3, second_gate=0.6)
    assert torch.equal(found & sure.unsqueeze(1), first)
    second = hnetzoo.assign(distance, ~first.any(2), ~sure, gate=0.6)
    assert torch.equal(found & ~sure.unsqueeze(1), second)
    assert second.any()


@pytest.mark.parametrize("confidence", [None, 0.9, 0.1])
def test_detections_of_one_kind_are_matched_in_one_stage(
    problems: tuple[torch.Tensor, torch.Tensor], confidence: float | None
) -> None:
    distance = problems[0]
    given = None if confidence is None else torch.full((200, 5), confidence)
    expected = hnetzoo.assign(distance, gate=0.3 if confidence != 0.1 else 0.2)
    assert torch.equal(solve(distance, given, sure=0.5, gate=0.3, second_gate=0.2), expected)
