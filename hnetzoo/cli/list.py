"""`hnetzoo list`: list registered models, datasets and trainers."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from hnetzoo.cli.options import JsonOption
from hnetzoo.cli.output import note, print_json, print_table
from hnetzoo.registry.cards import scope_of
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import Spec


class Kind(StrEnum):
    """Kinds of components to list."""

    models = "models"
    datasets = "datasets"
    trainers = "trainers"


def list_command(
    kind: Annotated[
        Kind | None, typer.Argument(metavar="KIND", help="models, datasets or trainers; all without it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List what is registered: models, datasets and trainers."""
    registry = discover()
    entries = [
        _entry(spec, registry)
        for listed in Kind
        if kind in (None, listed)
        for spec in getattr(registry, listed.value).values()
    ]
    if json:
        failures = [{"plugin": plugin.id, "error": plugin.error} for plugin in registry.failures]
        conflicts = [str(conflict) for conflict in registry.conflicts]
        print_json({"entries": entries, "failures": failures, "conflicts": conflicts})
        return
    for listed in Kind:
        shown = [entry for entry in entries if f"{entry['kind']}s" == listed]
        if shown:
            _print(listed, shown)
    warn(registry)


def warn(registry: Registry) -> None:
    """Print failures and conflicts of plugins to stderr, one line each."""
    for plugin in registry.failures:
        note(f"warning: plugin {plugin.id} did not load ({plugin.error}); see 'hnetzoo doctor'")
    for conflict in registry.conflicts:
        note(f"warning: {conflict}")


def _print(kind: Kind, entries: list[dict[str, Any]]) -> None:
    """Print a table of the entries of a kind, of models with their weights."""
    columns = ("name", "summary", "plugin", *(["pretrained"] if kind is Kind.models else []))
    rows = [[_weights(entry) if name == "pretrained" else entry[name] for name in columns] for entry in entries]
    print_table(kind.value, columns, rows)


def _weights(entry: dict[str, Any]) -> str:
    """Return the variants of a model with their scopes, a line each."""
    return "\n".join(f"{name}: {scope}" if scope else name for name, scope in entry["scopes"].items())


def _entry(spec: Spec, registry: Registry) -> dict[str, Any]:
    shipped = [entry for entry in getattr(spec, "pretrained", ()) if not entry.retired]
    return {
        "name": spec.name,
        "kind": spec.kind,
        "summary": spec.summary,
        "plugin": registry.provider(spec).id,
        "pretrained": [entry.variant for entry in shipped],
        "scopes": {entry.variant: scope_of(entry) for entry in shipped},
    }
