"""The reference names everything that is public, and docstrings say shapes, errors, and how a thing is used."""

import ast
import inspect
import re
import textwrap
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

pytest.importorskip("sphinx", reason="sphinx is not installed")

from docs.building.names import constant_text, entries, public_names
from tests.source import ROOT

SHAPE = re.compile(r"\[(\.\.\.|[a-z]\w*)(, [\w. +-]+)*\]|any shape")
TENSORS = re.compile(r"Tensor|ndarray")
ELSEWHERE = re.compile(r"as (?:in )?`([\w.]+)`")
PUBLIC = public_names()
CALLED = {name: thing for name, thing in PUBLIC.items() if inspect.isfunction(thing) or inspect.isclass(thing)}
EXPLAINED = {  # errors and the rules of the kit all work alike; the pages show how
    name: thing
    for name, thing in CALLED.items()
    if not (inspect.isclass(thing) and issubclass(thing, BaseException)) and ".testing.check_" not in name
}
FUNCTIONS = {name: thing for name, thing in EXPLAINED.items() if inspect.isfunction(thing)} | {
    f"{name}.{method}": found
    for name, thing in EXPLAINED.items()
    for method, found in (vars(thing).items() if inspect.isclass(thing) else ())
    if inspect.isfunction(found) and (method == "__init__" or not method.startswith("_"))
    if found.__code__.co_filename.endswith(".py")  # not made by dataclass
}


def documentation(name: str) -> str:
    """Return the docstring of a public name, of a method or, for a constructor, of its class."""
    owner, _, last = name.rpartition(".")
    return inspect.getdoc(PUBLIC[owner] if last == "__init__" else FUNCTIONS.get(name) or PUBLIC[name]) or ""


def with_references(name: str) -> str:
    """Return the docstring of a name, and those to which it refers for arguments and errors."""
    text = documentation(name)
    owner, _, last = name.rpartition(".")
    for other in ELSEWHERE.findall(text):
        places = (other, f"{owner}.{other}", f"hnetzoo.{other}.{last}")
        text += next((documentation(place) for place in places if place in FUNCTIONS or place in PUBLIC), "")
    return text


def raised(function: Any) -> set[str]:
    """Return the errors that a function raises itself, by name."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = {call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}
    return {name for name in names if name[0].isupper()}


def test_every_public_name_has_one_entry() -> None:
    assert Counter(entries(ROOT / "docs" / "reference")) == Counter(list(PUBLIC))


@pytest.mark.parametrize("name", EXPLAINED)
def test_what_is_public_has_an_example(name: str) -> None:
    assert ">>> " in documentation(name)


@pytest.mark.parametrize("name", EXPLAINED)
def test_formulas_are_set_as_they_stand(name: str) -> None:
    description = re.split(r"^\w+:$", documentation(name), maxsplit=1, flags=re.MULTILINE)[0]
    assert not re.search(r"\|\w[^|\n]*\|", re.sub(r"`[^`]*`", "", description)), "read as a substitution"
    for before, after in pairwise(description.split("\n\n")):
        assert not after.startswith("    ") or before.startswith("    ") or before.endswith("::")


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in CALLED])
def test_constants_and_types_have_a_text(name: str) -> None:
    assert constant_text(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_takes_tensors_names_their_shapes(name: str) -> None:
    parameters = inspect.signature(FUNCTIONS[name]).parameters.values()
    types = [str(parameter.annotation) for parameter in parameters]
    if any(TENSORS.search(found) and "Callable" not in found for found in types):
        assert SHAPE.search(with_references(name))


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if raised(function)])
def test_what_raises_names_the_errors(name: str) -> None:
    text = with_references(name)
    assert {error for error in raised(FUNCTIONS[name]) if error not in text} == set()
