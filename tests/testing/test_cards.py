"""Every defect of a card is found by the check for it."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import hnetzoo
from hnetzoo import testing
from hnetzoo.testing.outcome import Blocked

SHIPPED = hnetzoo.discover().model("hnetgru")
FOLDER = Path(str(files("hnetzoo_hnetgru"))) / "weights"
CARD: Mapping[str, Any] = {
    name: value for name, value in json.loads((FOLDER / "default.json").read_text()).items() if name != "digest"
}
SCOPE: Mapping[str, Any] = CARD["scope"]
ROW: Mapping[str, Any] = CARD["test"][0]
Shipped = Callable[..., hnetzoo.ModelSpec]


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shipped:
    """Return a function that gives a model whose weights have a card with changed fields; None removes one."""
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / f"{tmp_path.name}_acme_cards"  # no two tests import the same name
    package.mkdir()
    (package / "__init__.py").write_text("")
    shutil.copy(FOLDER / "default.safetensors", package / "w.safetensors")
    place = f"{package.name}:w"

    def give(declared: tuple[int, int] | None = (2, 2), **changes: object) -> hnetzoo.ModelSpec:
        fields = {name: value for name, value in {**CARD, **changes}.items() if value is not None}
        (package / "w.json").write_text(json.dumps(fields))
        entry = hnetzoo.Pretrained(weights=f"{place}.safetensors", card=f"{place}.json", shape=declared)
        return replace(SHIPPED, pretrained=(entry,))

    return give


def test_a_complete_card_passes(shipped: Shipped) -> None:
    testing.check_card(shipped())
    testing.check_card(shipped(declared=None, shape=[2, 2], notes=["Two slots."]))


@pytest.mark.parametrize("name", CARD)
def test_a_field_that_is_missing_is_named(shipped: Shipped, name: str) -> None:
    with pytest.raises(testing.CheckFailure, match=rf"^variant 'default': the card lacks {name}[;.,]"):
        testing.check_card(shipped(**{name: None}))


def test_all_that_is_missing_is_named_inside_tables_and_rows_too(shipped: Shipped) -> None:
    row = {name: value for name, value in ROW.items() if name != "f1"}
    scope = {name: value for name, value in SCOPE.items() if name not in ("masks", "unit")}
    spec = shipped(licence="", data={"dataset": "doa-reference"}, scope=scope, test=[ROW, row], selected={})
    named = (
        "licence, data.train, data.validation, scope.masks, scope.unit, selected.by, selected.epoch, selected.f1, "
        "test.1.f1"
    )
    with pytest.raises(testing.CheckFailure, match=f"^variant 'default': the card lacks {named}; 'hnetzoo publish'"):
        testing.check_card(spec)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "hnet"}, "the card is of model 'hnet'"),
        ({"variant": "3"}, "the card is of variant '3'"),
        ({"limits": []}, r"the card's limits are \[\], and the model's tags \['fixed-size', 'order-dependent'\]"),
        ({"test": []}, "the card lacks test;"),
        ({"test": [{**ROW, "f1": 97.2}]}, "f1 on doa is 97.2 instead of a share from 0 to 1"),
        ({"test": [{**ROW, "exact": "all"}]}, "exact on doa is 'all' instead of a share"),
        ({"scope": {**SCOPE, "slots": [3, 2]}}, r"slots \[3, 2\] are not the fewest and the most"),
        ({"scope": {**SCOPE, "slots": [2, 5]}}, "goes to 5 slots a side, and the weights are for 2 x 2"),
        ({"scope": {**SCOPE, "distances": [[2, 0]]}}, "are not ranges from low to high"),
        ({"scope": {**SCOPE, "tasks": ["doa"]}}, r"tasks \['doa'\] are without the dataset of the training"),
        ({"declared": None}, "neither the card nor the declaration gives the shape"),
    ],
)
def test_a_card_that_contradicts_the_model_is_found(shipped: Shipped, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(testing.CheckFailure, match=f"^variant 'default': .*{message}"):
        testing.check_card(shipped(**changes))


def test_another_digest_is_found_by_the_check_of_weights(shipped: Shipped) -> None:
    spec = shipped(sha256="0" * 64)
    testing.check_card(spec)
    with pytest.raises(testing.CheckFailure, match="do not match their digest"):
        testing.check_pretrained(spec)


@pytest.mark.parametrize("changes", [{"seed": "zero"}, {"scope": {**SCOPE, "slots": "two"}}])
def test_a_card_that_cannot_be_read_is_left_to_the_check_of_weights(shipped: Shipped, changes: dict[str, Any]) -> None:
    spec = shipped(**changes)
    with pytest.raises(Blocked, match="is damaged") as caught:
        testing.check_card(spec)
    assert caught.value.by == "check_pretrained"
    with pytest.raises(testing.CheckFailure, match="is damaged"):
        testing.check_pretrained(spec)
