"""The public interface does not change by accident: names, signatures, commands and options.

After an intended change, run this file as a script to store the new interface, and add a line to CHANGELOG.md.
"""

import inspect
import json
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

import hnetzoo
from hnetzoo import testing
from hnetzoo.cli.app import app

GOLDEN = Path(__file__).parent / "golden"


def public_names() -> dict[str, Any]:
    """Return the public names: names of modules, parameters of functions, fields of records, both of classes."""
    return {name: _shape(getattr(hnetzoo, name)) for name in hnetzoo.__all__}


def kit_names() -> dict[str, Any]:
    """Return the public names of the conformance kit."""
    return {name: _shape(getattr(testing, name)) for name in testing.__all__}


def commands() -> dict[str, list[str]]:
    """Return the commands with their arguments and options."""
    group: Any = typer.main.get_command(app)
    listed = {name: command.params for name, command in group.commands.items()}
    return {
        name: sorted(" ".join(option.opts) for option in params if "--help" not in option.opts)
        for name, params in sorted({"": group.params, **listed}.items())
    }


WRITERS = {"public": public_names, "testing": kit_names, "commands": commands}


def _shape(thing: Any) -> Any:
    if inspect.ismodule(thing):
        return {name: _shape(getattr(thing, name)) for name in thing.__all__}
    if is_dataclass(thing):
        return [field.name for field in fields(thing)]
    if inspect.isclass(thing):
        if issubclass(thing, BaseModel):
            return sorted(thing.model_fields)
        members = {name: member for name, member in sorted(vars(thing).items()) if name == "__init__" or name[0] != "_"}
        return {name: _shape(member) for name, member in members.items()}
    return list(inspect.signature(thing).parameters) if inspect.isfunction(thing) else type(thing).__name__


@pytest.mark.parametrize("name", WRITERS)
def test_the_public_interface_is_as_stored(name: str) -> None:
    stored = json.loads((GOLDEN / f"{name}.json").read_text())
    assert WRITERS[name]() == stored, "if this is intended: python tests/test_stability.py, and a line in CHANGELOG.md"


if __name__ == "__main__":
    for name, write in WRITERS.items():
        (GOLDEN / f"{name}.json").write_text(json.dumps(write(), indent=2) + "\n")
