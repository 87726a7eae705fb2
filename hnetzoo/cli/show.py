"""`hnetzoo show NAME`: show a declaration."""

from typing import Annotated, Any

import typer

from hnetzoo.cli.options import JsonOption
from hnetzoo.cli.output import print_json, print_table
from hnetzoo.registry.cards import Card, read_card
from hnetzoo.registry.descriptions import describe
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import ModelSpec


def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model, dataset or trainer; name@variant or run:PATH.", show_default=False
        ),
    ],
    json: JsonOption = False,
) -> None:
    """Show settings with types, defaults and help; citation, tags, weights and the providing distribution.

    Of weights, name@variant or run:PATH, show what they were trained for and with.
    """
    registry = discover()
    if "@" in name or name.startswith("run:"):
        _show_weights(name, registry, json=json)
        return
    documents = [describe(spec, registry) for spec in registry.find(name)]
    if json:
        print_json(documents[0] if len(documents) == 1 else documents)
        return
    for document in documents:
        _print(document)


def _show_weights(reference: str, registry: Registry, *, json: bool) -> None:
    """Print the scope and the settings of a set of weights."""
    from hnetzoo.registry.resolution import resolve_model

    resolved = resolve_model(reference, registry)
    weights = resolved.weights
    assert weights is not None, "named"
    scope, card = weights.scope, _card(resolved.spec, weights.name)
    if json:
        document = {
            "model": resolved.spec.name,
            "weights": weights.name,
            "scope": scope.to_json() if scope else None,
            "settings": resolved.component.settings,
        }
        told = {"licence", "command", "data", "selected", "limits", "notes", "sha256"}
        print_json({**document, **(card.model_dump(mode="json", include=told) if card else {})})
        return
    typer.echo(f"{resolved.spec.name}, {weights.name}")
    if scope is None:
        typer.echo("  scope     not stated")
    else:
        typer.echo(f"  scope     {scope}")
        typer.echo(f"  tasks     {', '.join(scope.tasks)}; seeds {', '.join(map(str, scope.seeds))}")
    if card is not None:
        _print_card(card)
    print_table(
        "", ("setting", "value"), [(f"model.{key}", repr(value)) for key, value in resolved.component.settings.items()]
    )


def _card(spec: ModelSpec, weights: str) -> Card | None:
    """Return the card of shipped weights, "pretrained:VARIANT"; None for those of a run."""
    shipped = [entry for entry in spec.pretrained if weights == f"pretrained:{entry.variant}"]
    return read_card(shipped[0]) if shipped else None


def _print_card(card: Card) -> None:
    """Print what a card says beside the scope: licence, notes, command, and F1 by test split."""
    if card.licence:
        typer.echo(f"  licence   {card.licence}")
    for text in card.notes:
        typer.echo(f"  note      {text}")
    if card.command:
        typer.echo(f"  trained   {card.command}")
    for row in card.test:
        f1, bounds = row.get("f1"), row.get("f1_interval")
        interval = f" [{bounds[0]:.4f}, {bounds[1]:.4f}]" if bounds else ""
        if isinstance(f1, float | int):
            typer.echo(f"  test      {row.get('dataset')}, seed {row.get('seed')}: F1 {f1:.4f}{interval}")


def _print(document: dict[str, Any]) -> None:
    typer.echo(f"{document['name']} ({document['kind']}): {document['summary']}")
    typer.echo(f"  from      {document['distribution']}, plugin {document['plugin']}")
    if document["citation"]:
        cited = document["citation"]
        parts = (cited["authors"], f'"{cited["title"]}"', cited["venue"], str(cited["year"]), cited["url"])
        typer.echo(f"  paper     {', '.join(part for part in parts if part)}")
    if document["tags"]:
        typer.echo(f"  tags      {', '.join(document['tags'])}")
    if document.get("extent"):
        extent = document["extent"]
        sizes = ", ".join(f"{extent[split]:,} {split}" for split in ("train", "validation", "test"))
        typer.echo(f"  unit      {extent['unit']}")
        typer.echo(f"  problems  {' x '.join(map(str, extent['shape']))}: {sizes}")
    if document["kind"] == ModelSpec.kind:
        typer.echo(f"  defaults  trainer {document['trainer']}, dataset {document['dataset']}")
        for entry in document["pretrained"]:
            meaning = f"retired; {entry['retired']}" if entry["retired"] else entry["scope"] or "scope not stated"
            typer.echo(f"  weights   {entry['variant']}: {meaning}; card {entry['card']}")
    rows = [
        (entry["key"], entry["type"], "required" if entry["required"] else repr(entry["default"]), entry["help"])
        for entry in document["settings"]
    ]
    if rows:
        print_table("", ("setting", "type", "default", "help"), rows)
    else:
        typer.echo("  no settings")
