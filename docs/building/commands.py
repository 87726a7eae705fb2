"""The sections of the commands, from what typer knows of them."""

from typing import Any

import typer
from typer.cli import get_docs_for_click


def sections() -> str:
    """Return a section for each command, with its arguments and options."""
    from hnetzoo.cli.app import app

    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name="hnetzoo")
    found = [
        get_docs_for_click(obj=command, ctx=context, name=name, indent=1, call_prefix="hnetzoo")
        for name, command in group.commands.items()
    ]
    return "\n".join(found)
