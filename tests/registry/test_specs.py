"""Declarations: what is accepted, what is refused, and how their code is loaded."""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from hnetzoo import Citation, ConfigError, DatasetSpec, ModelSpec, PluginLoadError, Pretrained, TrainerSpec

KINDS = (ModelSpec, DatasetSpec, TrainerSpec)
FIELDS = {"name": "acme-net", "summary": "A net.", "target": "acme.model:Net", "config": "acme.config:NetConfig"}


def declare(spec_class: type = ModelSpec, **fields: Any) -> Any:
    return spec_class(**{**FIELDS, **fields})


@pytest.mark.parametrize("spec_class", KINDS)
@pytest.mark.parametrize("name", ["a", "acme", "acme-net", "net2", "a--b-"])
def test_lower_case_letters_digits_and_hyphens_make_a_name(name: str, spec_class: type) -> None:
    assert declare(spec_class, name=name).name == name


@pytest.mark.parametrize("spec_class", KINDS)
@pytest.mark.parametrize(
    "name", ["", "2net", "-net", "Net", "acme_net", "acme net", "acme@1", "acme:x", "née", None, 3]
)
def test_any_other_name_is_refused(name: Any, spec_class: type) -> None:
    message = f"{spec_class.kind} name {name!r} does not match ^[a-z][a-z0-9-]*$"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        declare(spec_class, name=name)


@pytest.mark.parametrize("field", ["target", "config"])
@pytest.mark.parametrize("path", ["acme:Net", "acme.model:Net", "_acme.v2.model:_Net2"])
def test_module_and_class_make_a_target(field: str, path: str) -> None:
    assert getattr(declare(**{field: path}), field) == path


@pytest.mark.parametrize("field", ["target", "config"])
@pytest.mark.parametrize(
    "path", ["", "acme.model", "acme.model.Net", ":Net", "acme:", "acme:a.b", "a b:Net", None, int]
)
def test_any_other_target_is_refused(field: str, path: Any) -> None:
    message = f"model 'acme-net': {field} {path!r} is not of the form 'package.module:Name'"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        declare(**{field: path})


@pytest.mark.parametrize("fields", [{"name": "acme\n"}, {"target": "acme:Net\n"}, {"config": "acme:Net\n"}])
def test_a_trailing_newline_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"does not match|is not of the form"):
        declare(**fields)


@pytest.mark.parametrize("record", [declare(), Citation(authors="A", title="T", year=2021)], ids=["spec", "citation"])
def test_records_are_frozen(record: Any) -> None:
    with pytest.raises(FrozenInstanceError, match="cannot assign to field"):
        record.title = "another"


@pytest.mark.parametrize("spec_class", KINDS)
def test_records_take_keywords_only(spec_class: type) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        spec_class(*FIELDS.values())


@pytest.mark.parametrize("missing", FIELDS)
def test_name_summary_target_and_config_are_required(missing: str) -> None:
    with pytest.raises(TypeError, match=f"missing 1 required keyword-only argument: '{missing}'"):
        ModelSpec(**{key: value for key, value in FIELDS.items() if key != missing})


@pytest.mark.parametrize("tags", [["b", "a", "b"], ("a", "b"), {"a", "b"}, iter(["a", "b"])], ids=type)
def test_tags_become_a_frozen_set(tags: Any) -> None:
    assert declare(tags=tags).tags == frozenset({"a", "b"})
    assert type(declare(tags=["a"]).tags) is frozenset
    assert declare().tags == frozenset()


def test_a_text_for_tags_is_refused_instead_of_cut_into_letters() -> None:
    with pytest.raises(ConfigError, match="tags"):
        declare(tags="fixed-size")


@pytest.mark.parametrize(
    "field", [{"summary": None}, {"citation": "Kuhn 1955"}, {"trainer": 3}, {"pretrained": []}, {"api_version": "1"}]
)
def test_a_field_of_another_type_is_refused(field: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"model '[a-z-]*': {next(iter(field))} is "):
        ModelSpec(**{**FIELDS, **field})


def test_a_declaration_that_says_nothing_is_written_for_the_first_interface() -> None:
    assert declare().api_version == 1


def test_equal_declarations_are_equal_and_hash_alike() -> None:
    weights = Pretrained(weights="acme:weights/a.safetensors", card="acme:weights/a.json", shape=(2, 2))
    first, second = (declare(tags={"fixed-size"}, pretrained=(weights,)) for _ in range(2))
    assert first == second
    assert hash(first) == hash(second)
    assert first != replace(first, summary="Another net.")


def test_a_kind_is_part_of_every_declaration() -> None:
    assert [spec_class.kind for spec_class in KINDS] == ["model", "dataset", "trainer"]


def test_target_and_config_are_loaded_on_demand() -> None:
    spec = declare(target="collections:OrderedDict", config="hnetzoo.config:TrainerConfig")
    from collections import OrderedDict

    from hnetzoo.config import TrainerConfig

    assert spec.load_target() is OrderedDict
    assert spec.load_config() is TrainerConfig


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("absent_package.model:Net", "ModuleNotFoundError: No module named 'absent_package'"),
        ("collections:Net", "AttributeError: module 'collections' has no attribute 'Net'"),
    ],
)
@pytest.mark.parametrize("field", ["target", "config"])
def test_code_that_cannot_be_loaded_is_an_error_of_the_plugin(field: str, path: str, reason: str) -> None:
    spec = declare(DatasetSpec, **{field: path})
    message = (
        f"dataset 'acme-net': cannot load {path} ({reason}); reinstall or update the plugin that declares it "
        "(see 'hnetzoo doctor')"
    )
    with pytest.raises(PluginLoadError, match=f"^{re.escape(message)}$") as caught:
        getattr(spec, f"load_{field}")()
    assert caught.value.exit_code == 3
    assert caught.value.__cause__ is not None


BROKEN = {
    "exit": ("raise SystemExit(5)", "SystemExit: 5"),
    "syntax": ("def broken(:", "SyntaxError"),
    "missing-dependency": ("import absent_dependency", "No module named 'absent_dependency'"),
    "recursion": ("def again():\n    again()\nagain()", "RecursionError"),
    "base-exception": ("class Odd(BaseException):\n    pass\nraise Odd('why')", "Odd: why"),
}


@pytest.fixture
def target_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Return a function that declares a model whose target module has the given code."""

    def declared(code: str) -> Any:
        (tmp_path / "acme_target.py").write_text(code)
        monkeypatch.syspath_prepend(str(tmp_path))
        return declare(target="acme_target:Net")

    yield declared
    sys.modules.pop("acme_target", None)


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_whatever_a_target_raises_on_import_names_the_declaration(code: str, reason: str, target_code) -> None:
    with pytest.raises(PluginLoadError, match=f"^model 'acme-net': cannot load acme_target:Net .*{re.escape(reason)}"):
        target_code(code).load_target()


def test_an_interrupt_is_not_taken_for_a_broken_target(target_code) -> None:
    with pytest.raises(KeyboardInterrupt, match="by the user"):
        target_code("raise KeyboardInterrupt('by the user')").load_target()


def test_a_target_that_prints_on_import_does_not_touch_stdout(target_code, capsys) -> None:
    assert target_code("print('noise')\nNet = 5").load_target() == 5
    assert capsys.readouterr() == ("", "noise\n")


def test_a_target_that_cannot_be_loaded_is_one_line_however_long_its_exception(target_code) -> None:
    with pytest.raises(PluginLoadError, match=r"ImportError: IMPORTANT: read this") as caught:
        target_code(r"raise ImportError('IMPORTANT:\n\n  read this')").load_target()
    assert "\n" not in str(caught.value)
