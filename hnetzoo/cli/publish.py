"""`hnetzoo publish RUN --package DIR`: put the weights of a run into a plugin package."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import JsonOption, QuietOption
from hnetzoo.cli.output import note, print_json
from hnetzoo.registry.cards import DEFAULT_VARIANT
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from hnetzoo.benchmark.jobs import Outcome
    from hnetzoo.benchmark.publishing import Published


def publish_command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="The run directory of a finished training.", show_default=False)
    ],
    package: Annotated[
        Path, typer.Option(help="The folder of the plugin package that declares the model.", show_default=False)
    ],
    variant: Annotated[str, typer.Option(help="Name of the weights, as in NAME@VARIANT.")] = DEFAULT_VARIANT,
    name: Annotated[
        str,
        typer.Option(help="The model of the package that the weights are of; that of the run.", show_default=False),
    ] = "",
    licence: Annotated[
        str, typer.Option(help="Licence of the weights (SPDX); that of the project.", show_default=False)
    ] = "",
    notes: Annotated[
        list[str] | None,
        typer.Option("--note", help="What users must know, a sentence; may be repeated.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="The --config of the training, for the command in the card.", show_default=False),
    ] = None,
    most_slots: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End the scope at so many slots a side: with more, the weights are too often wrong.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(
            help="A dataset to test on besides that of the training; may be repeated. The model's own by default.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path, typer.Option(help="Folder of relative paths of datasets.", file_okay=False, exists=True)
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace weights of the same name.")] = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """Test the best weights of a run, and write them with a complete card into a plugin package.

    The card holds command, data, seeds, settings, versions, scope, limits, licence, digest, and the scores on test
    splits with 95 % intervals. Packages of `hnetzoo new` declare what is published in them.
    """  # fmt: skip
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.benchmark.publishing import Publication, publish

    publication = Publication(
        run=run,
        folder=package,
        variant=variant,
        name=name,
        licence=licence,
        notes=tuple(notes or ()),
        config=config,
        most_slots=most_slots,
        datasets=tuple(dataset or ()),
        data=data,
        force=force,
    )
    with stdout_to_stderr():
        published = publish(publication, registry, _silent if quiet or json else _note_result)
    if json:
        print_json(_document(published))
        return
    _print(published, package, quiet=quiet)


def _silent(outcome: "Outcome") -> None:
    """Say nothing of a result."""


def _note_result(outcome: "Outcome") -> None:
    """Print a test that is done as a line on stderr."""
    row = outcome.result
    said = f"F1 {row.f1:.4f}" if hasattr(row, "f1") else row.reason
    note(f"tested on {row.dataset}, seed {outcome.job.seed}: {said}")


def _document(published: "Published") -> dict[str, Any]:
    card = published.card
    return {
        "model": card.model,
        "variant": card.variant,
        "weights": str(published.weights),
        "card": str(published.card_path),
        "sha256": card.sha256,
        "licence": card.licence,
        "scope": card.scope,
        "test": [{key: row[key] for key in ("dataset", "seed", "f1", "f1_interval", "exact")} for row in card.test],
        "installed": published.installed,
        "declared": published.declared,
    }


def _print(published: "Published", package: Path, *, quiet: bool) -> None:
    """Print what was written and, unless quiet, what to do next."""
    card = published.card
    reference = card.model if card.variant == DEFAULT_VARIANT else f"{card.model}@{card.variant}"
    typer.echo(f"wrote {published.weights} ({published.weights.stat().st_size:,} bytes)")
    typer.echo(f"wrote {published.card_path} ({card.licence})")
    if not published.installed:
        note(f"note: Python imports another copy of this package; install this one: pip install --editable '{package}'")
    if not published.declared:
        note(f"warning: {card.model} does not declare these weights; add {published.line} to its ModelSpec")
    if not quiet:
        typer.echo(f"next: hnetzoo check {card.model}")
        typer.echo(f'      python -c "import hnetzoo; hnetzoo.load_model({reference!r})"')
