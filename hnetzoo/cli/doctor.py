"""`hnetzoo doctor`: versions, device, threads, and the state of every plugin."""

from typing import Any

import typer

from hnetzoo.cli.options import JsonOption
from hnetzoo.cli.output import print_json, print_table
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.environment import environment


def doctor(json: JsonOption = False) -> None:
    """Show versions, device and threads, and every plugin's state and import time."""
    registry = discover()
    document: dict[str, Any] = environment() | _hardware()
    document["plugins"] = [
        {
            "plugin": plugin.id,
            "version": plugin.version,
            "target": plugin.target,
            "state": "failed" if plugin.error else "loaded",
            "milliseconds": round(1e3 * plugin.seconds, 1),
            "provides": [spec.name for spec in plugin.specs],
            "error": plugin.error,
            "details": plugin.details,
        }
        for plugin in registry.plugins
    ]
    document["conflicts"] = [str(conflict) for conflict in registry.conflicts]
    if json:
        print_json(document)
    else:
        _print(document)


def _hardware() -> dict[str, Any]:
    import torch

    cuda = torch.cuda.is_available()
    return {"device": torch.cuda.get_device_name() if cuda else "cpu", "threads": torch.get_num_threads()}


def _print(document: dict[str, Any]) -> None:
    typer.echo(f"python {document['python']} on {document['system']}, {document['cores']} cores")
    if document["commit"]:
        typer.echo(f"commit {document['commit']}")
    typer.echo(f"device {document['device']}, {document['threads']} threads")
    typer.echo(", ".join(f"{name} {number}" for name, number in document["versions"].items()))
    rows = [
        (
            plugin["plugin"],
            plugin["version"],
            plugin["state"],
            f"{plugin['milliseconds']} ms",
            ", ".join(plugin["provides"]),
        )
        for plugin in document["plugins"]
    ]
    print_table("", ("plugin", "version", "state", "import", "provides"), rows)
    for plugin in document["plugins"]:
        if plugin["error"]:
            typer.echo(f"{plugin['plugin']} ({plugin['target']}): {plugin['error']}\n{plugin['details']}")
    for conflict in document["conflicts"]:
        typer.echo(conflict)
