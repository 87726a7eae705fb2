"""Weights say what they are for, and warn once of each way in which problems are unlike that."""

import json
import warnings
from collections.abc import Iterator
from copy import deepcopy

import pytest
import torch

import hnetzoo
from hnetzoo.errors import ScopeWarning
from hnetzoo.registry import scope_check
from hnetzoo.registry.resolution import resolve_model
from hnetzoo.registry.scope import Scope

REGISTRY = hnetzoo.discover()
CHORDS = torch.rand(8, 2, 2, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what was warned of, and let every warning through."""
    monkeypatch.setattr(scope_check, "_warned", set())
    with warnings.catch_warnings():
        warnings.simplefilter("always", ScopeWarning)
        yield


def warned(model: torch.nn.Module, *problems: torch.Tensor) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model(*problems)
    return [str(warning.message) for warning in caught if warning.category is ScopeWarning]


def test_every_shipped_set_of_weights_states_its_scope() -> None:
    for spec in REGISTRY.models.values():
        for pretrained in spec.pretrained:
            weights = resolve_model(f"{spec.name}@{pretrained.variant}", REGISTRY).weights
            assert weights is not None
            assert weights.scope is not None
            assert weights.scope.truth
            assert weights.scope.tasks


def test_problems_like_those_of_the_training_pass_in_silence() -> None:
    assert warned(hnetzoo.load_model("exchangeable"), CHORDS) == []


@pytest.mark.parametrize(
    ("problems", "trained"),
    [
        ((torch.rand(8, 5, 5),), "2 slots a side"),
        ((CHORDS * 57.3,), r"distances of 0..2 or 14.3..309 chord"),
        ((CHORDS, torch.tensor([[True, False]]).expand(8, 2)), "problems without masked slots"),
    ],
)
def test_each_way_to_be_unlike_warns_once_in_a_process(problems: tuple[torch.Tensor, ...], trained: str) -> None:
    first, again = (warned(hnetzoo.load_model("exchangeable"), *problems) for _ in range(2))
    assert len(first) == 1
    assert trained in first[0]
    assert "use 'sinkhorn'" in first[0]
    assert again == []
    assert warned(hnetzoo.load_model("dhn"), *problems), "other weights warn for themselves"


def test_one_warning_names_all_that_is_new() -> None:
    model = hnetzoo.load_model("exchangeable")
    (message,) = warned(model, 57.3 * torch.rand(8, 5, 5))
    assert "2 slots a side, distances of" in message
    assert warned(model, torch.rand(8, 4, 4)) == []


def test_masks_given_by_name_are_seen() -> None:
    mask = torch.tensor([[True, False]]).expand(8, 2)
    with pytest.warns(ScopeWarning, match="problems without masked slots"):
        hnetzoo.load_model("exchangeable")(CHORDS, col_mask=mask)


def test_checks_can_be_switched_off_and_copies_keep_them() -> None:
    model = deepcopy(hnetzoo.load_model("exchangeable"))
    with hnetzoo.skip_value_checks():
        assert warned(model, torch.rand(8, 5, 5)) == []
    assert len(warned(model, torch.rand(8, 5, 5))) == 1


def test_solvers_and_untrained_models_have_no_scope() -> None:
    for model in (hnetzoo.load_model("sinkhorn"), hnetzoo.load_model("exchangeable", weights=None)):
        assert warned(model, 57.3 * torch.rand(8, 5, 5)) == []


def test_a_scope_survives_json_and_prints_in_a_line() -> None:
    scope = Scope(
        slots=(3, 3), masks=True, unit="m", distances=((-1.0, 2.5),), truth="identity", tasks=("a",), seeds=(1, 2)
    )
    assert Scope.from_json(json.loads(json.dumps(scope.to_json())), "card") == scope
    assert str(scope) == "3 slots, masks, -1..2.5 m, identity"
    assert Scope.from_json({}, "card") is None


def test_a_damaged_scope_is_named_with_its_file() -> None:
    with pytest.raises(hnetzoo.CheckpointError, match=r"the scope in 'card.json' is damaged"):
        Scope.from_json({"slots": [1]}, "card.json")
