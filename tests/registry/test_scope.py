"""Weights say what they are for, and warn once of each way in which problems are unlike that."""

import json
import shutil
import warnings
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest
import torch

import hnetzoo
from hnetzoo.errors import RetiredWarning, ScopeWarning
from hnetzoo.registry import scope_check
from hnetzoo.registry.resolution import resolve_model
from hnetzoo.registry.scope import Scope
from hnetzoo.training.runs import BEST, RunRecord, write_run
from hnetzoo.training.weights import save_tensors

REGISTRY = hnetzoo.discover()
CHORDS = torch.rand(8, 2, 2, generator=torch.Generator().manual_seed(0))


NARROW = Scope(slots=(2, 2), masks=False, unit="chord", distances=((0.0, 2.0), (14.3, 309.0)), truth="activity")


@pytest.fixture
def narrow(tmp_path: Path) -> str:
    """Return a reference to weights for two slots a side in chords."""
    record = RunRecord(model="exchangeable", shape=(2, 2), settings={}, scope=NARROW.to_json())
    write_run(tmp_path / "run", record)
    save_tensors(tmp_path / "run" / BEST, hnetzoo.load_model("exchangeable", weights=None).state_dict())
    return f"run:{tmp_path / 'run'}"


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
        for pretrained in (entry for entry in spec.pretrained if not entry.retired):
            weights = resolve_model(f"{spec.name}@{pretrained.variant}", REGISTRY).weights
            assert weights is not None
            assert weights.scope is not None
            assert weights.scope.truth
            assert weights.scope.tasks


def test_problems_like_those_of_the_training_pass_in_silence(narrow: str) -> None:
    assert warned(hnetzoo.load_model(narrow), CHORDS) == []


@pytest.mark.parametrize(
    ("problems", "trained"),
    [
        ((torch.rand(8, 5, 5),), "2 slots a side"),
        ((CHORDS * 57.3,), r"distances of 0..2 or 14.3..309 chord"),
        ((CHORDS, torch.tensor([[True, False]]).expand(8, 2)), "problems without masked slots"),
    ],
)
def test_each_way_to_be_unlike_warns_once_in_a_process(
    narrow: str, problems: tuple[torch.Tensor, ...], trained: str
) -> None:
    first, again = (warned(hnetzoo.load_model(narrow), *problems) for _ in range(2))
    assert len(first) == 1
    assert trained in first[0]
    assert "use 'sinkhorn'" in first[0]
    assert again == []
    shutil.copytree(narrow.removeprefix("run:"), narrow.removeprefix("run:") + "-other")
    assert warned(hnetzoo.load_model(f"{narrow}-other"), *problems), "other weights warn for themselves"


def test_one_warning_names_all_that_is_new(narrow: str) -> None:
    model = hnetzoo.load_model(narrow)
    (message,) = warned(model, 57.3 * torch.rand(8, 5, 5))
    assert "2 slots a side, distances of" in message
    assert warned(model, torch.rand(8, 4, 4)) == []


def test_masks_given_by_name_are_seen(narrow: str) -> None:
    mask = torch.tensor([[True, False]]).expand(8, 2)
    with pytest.warns(ScopeWarning, match="problems without masked slots"):
        hnetzoo.load_model(narrow)(CHORDS, col_mask=mask)


def test_checks_can_be_switched_off_and_copies_keep_them(narrow: str) -> None:
    model = deepcopy(hnetzoo.load_model(narrow))
    with hnetzoo.skip_value_checks():
        assert warned(model, torch.rand(8, 5, 5)) == []
    assert len(warned(model, torch.rand(8, 5, 5))) == 1


def test_solvers_and_untrained_models_have_no_scope(narrow: str) -> None:
    solver = hnetzoo.load_model(narrow, unmatched="never")
    for model in (hnetzoo.load_model("sinkhorn"), hnetzoo.load_model("exchangeable", weights=None), solver):
        assert warned(model, 57.3 * torch.rand(8, 5, 5)) == []


def test_default_weights_of_exchangeable_are_for_one_to_sixteen_slots_with_masks_in_chords_and_degrees() -> None:
    model = hnetzoo.load_model("exchangeable")
    mask = torch.arange(5) < torch.randint(1, 6, (8, 1), generator=torch.Generator().manual_seed(1))
    assert warned(model, torch.rand(8, 1, 1)) == []
    assert warned(model, 114 * torch.rand(8, 5, 5), mask, mask) == []
    assert warned(model, torch.rand(8, 17, 17)) != []


def test_a_retired_name_leads_to_what_replaced_it_and_says_so() -> None:
    with pytest.warns(RetiredWarning, match=r"'exchangeable@known-counts' are retired; use exchangeable with"):
        model = hnetzoo.load_model("exchangeable@known-counts")
    assert torch.equal(model(CHORDS), hnetzoo.load_model("exchangeable", unmatched="never")(CHORDS))
    with pytest.warns(RetiredWarning, match='use exchangeable with the setting truth = "identity"$'):
        model = hnetzoo.load_model("exchangeable@tracks")
    assert torch.equal(model(CHORDS), hnetzoo.load_model("exchangeable", truth="identity")(CHORDS))


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
