"""Folders of weights are declared by what is in them."""

import sys
from pathlib import Path

import pytest

import hnetzoo
from hnetzoo.files import write_record
from hnetzoo.registry.cards import read_card

PACKAGE = "acme_folder_of_weights"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights of model acme-net in an importable package."""
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / PACKAGE / "weights" / "acme-net"
    path.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").write_text("")
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    return path


def test_weights_with_a_card_are_declared_default_first_and_others_do_not_count(folder: Path) -> None:
    for name in ("zeta", "default", "alpha", "v1.2"):
        (folder / f"{name}.safetensors").write_bytes(b"")
        (folder / f"{name}.json").write_text("{}")
    (folder / "no-card.safetensors").write_bytes(b"")
    (folder / "no-weights.json").write_text("{}")
    (folder / "README.md").write_text("notes")
    found = hnetzoo.pretrained_in(PACKAGE, "acme-net")
    assert [entry.variant for entry in found] == ["default", "alpha", "v1.2", "zeta"]
    assert found[1].weights == f"{PACKAGE}:weights/acme-net/alpha.safetensors"
    assert found[1].card == f"{PACKAGE}:weights/acme-net/alpha.json"


def test_a_package_without_weights_declares_none_and_a_missing_one_is_an_error(folder: Path) -> None:
    assert hnetzoo.pretrained_in(PACKAGE, "acme-net") == ()
    assert hnetzoo.pretrained_in(PACKAGE, "other-net") == ()
    with pytest.raises(hnetzoo.CheckpointError, match="'acme_nowhere:weights' is not inside an installed package"):
        hnetzoo.pretrained_in("acme_nowhere", "acme-net")


def test_a_card_keeps_what_it_says_through_a_file_and_ignores_other_keys(folder: Path) -> None:
    card = hnetzoo.Card(model="acme-net", shape=(2, 3), test=({"dataset": "doa", "f1": 0.5, "more": [1]},))
    write_record(folder / "default.json", {**card.model_dump(mode="json"), "else": 1})
    (folder / "default.safetensors").write_bytes(b"")
    (entry,) = hnetzoo.pretrained_in(PACKAGE, "acme-net")
    assert read_card(entry) == card
    assert "licence" in read_card(entry).missing, "it is there, and empty"


def test_every_field_of_a_card_is_documented() -> None:
    assert not [name for name, field in hnetzoo.Card.model_fields.items() if not field.description]
