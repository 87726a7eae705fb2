"""The page of the commands, from what typer knows of them."""

from typing import Any

import typer
from typer.cli import get_docs_for_click

INTRODUCTION = """# Commands

`hnetzoo COMMAND -h` shows the same in the terminal. MODEL is a registered name, `name@variant` for another set of
shipped weights, or `run:PATH` for a run directory, wherever a model is named. Settings are `--set model.KEY=VALUE`,
`trainer.KEY` and `dataset.KEY`, or the same tables in a TOML file (`--config`); [the zoo](zoo.md) lists them.

Commands that read print one JSON document with `--json`; logs, notes and progress go to stderr. A failure that is
expected is one line that says what arrived, what is accepted and what to do; a traceback is a bug.

## Exit codes

| code | means |
| --: | --- |
| 0 | fine |
| 1 | a check or comparison failed |
| 2 | usage or settings |
| 3 | a plugin is broken |
| 4 | data or a checkpoint is bad |
| 5 | out of disk or memory |
| 130 | interrupted |
| 143 | terminated |
"""


def page() -> str:
    """Return the page: exit codes, then each command with its arguments and options."""
    from hnetzoo.cli.app import app

    group: Any = typer.main.get_command(app)
    context = typer.Context(group, info_name="hnetzoo")
    sections = [
        get_docs_for_click(obj=command, ctx=context, name=name, indent=1, call_prefix="hnetzoo")
        for name, command in group.commands.items()
    ]
    return "\n".join([INTRODUCTION, *sections])
