"""`hnetzoo advise FILE`: does a network beat the exact solver on one's own problems?"""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import DeviceOption, JsonOption, SetOption, resolve_device
from hnetzoo.cli.output import check_writable, note, print_json, print_table
from hnetzoo.cli.own_data import described
from hnetzoo.config import MAX_SEED, read_values
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from hnetzoo.benchmark.advice import Advice, Line
    from hnetzoo.benchmark.suite import Entry

PROBLEMS = "problems.npz"


def advise_command(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Problems with their truth: .npz; .npy or .csv with --truth; a folder of MOTChallenge sequences, or "
            "with files of reference and predicted directions.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="True pairs of a .npy or .csv file, 0 or 1, of the same shape.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Keep the problems of a .npy or .csv file and their truth as .npz here.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="A registered dataset instead of a file.")] = None,
    settings: SetOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A network with weights to consider; may be repeated.", show_default="exchangeable"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of drawn splits and of fine-tuning.")] = 0,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
) -> None:
    """Say whether a network beats the exact solver and tuned solvers on your own problems, and how sure that is.

    Everything is chosen on training and validation problems; two paired comparisons on test problems decide.
    """
    values = read_values(overrides=settings or ())
    if values["model"] or values["trainer"]:
        raise ConfigError("advise takes settings of the dataset, dataset.*; leave out the others")
    check_writable(save)
    if (source is None) == (dataset is None):
        raise ConfigError("advise takes a FILE or a --dataset, and not both; see hnetzoo advise --help")
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.benchmark.advice import advise
    from hnetzoo.benchmark.suite import Entry

    with TemporaryDirectory() as folder, stdout_to_stderr():
        together = save or Path(folder) / PROBLEMS
        name, given = (dataset, {}) if source is None else described(source, truth, together)
        entry = Entry(name=str(name), settings={**given, **values["dataset"]})
        advice = advise(
            entry,
            registry,
            networks=tuple(model or ("exchangeable",)),
            seed=seed,
            device=resolve_device(device),
            on_line=(lambda line: None) if json else _note,
        )
    command = advice.verdict.command.replace(str(Path(folder) / PROBLEMS), PROBLEMS)
    if json:
        print_json({**_document(advice, entry), "next": command})
        return
    _print(advice)
    if truth is not None and save is None:
        note(f"add --save {PROBLEMS} to keep the problems with their truth")
    typer.echo(f"next: {command}")


def _note(line: "Line") -> None:
    note(f"{line.label}: validation F1 {line.validation_f1:.4f}")


def _document(advice: "Advice", entry: "Entry") -> dict[str, Any]:
    document = asdict(advice)
    del document["verdict"]["command"]  # told beside it, without temporary files
    for line in document["lines"]:
        line["scores"] = {key: line["scores"][key] for key in ("f1", "exact", "precision", "recall", "cost_gap")}
    return {"dataset": entry.name, **document}


def _print(advice: "Advice") -> None:
    """Print what the problems look like, how every candidate did, and the verdict."""
    print_table("Your problems", ("what", "value"), _facts(advice))
    rows = [
        (line.label, line.settings, f"{line.validation_f1:.4f}", f"{line.scores.f1:.4f}", f"{line.scores.exact:.4f}")
        for line in advice.lines
    ]
    print_table("On your problems", ("model", "chosen", "validation F1", "test F1", "exact"), rows)
    for label, reason in advice.skipped:
        note(f"skipped {label}: {reason}")
    typer.echo(advice.verdict.sentence)


def _facts(advice: "Advice") -> list[tuple[str, str]]:
    seen = advice.facts
    greedy = next((line.scores.exact for line in advice.lines if line.name == "greedy"), None)
    least, median, largest = seen.distances
    return [
        ("test problems", f"{seen.problems:,}"),
        ("size", f"{seen.slots[0]} x {seen.slots[1]}, {seen.masked:.1%} of the slots masked"),
        (
            "distances",
            f"{least:.3g} to {largest:.3g}, median {median:.3g}, {seen.forbidden:.1%} of the pairs forbidden",
        ),
        ("ties for the nearest", f"in {seen.ties:.1%} of the problems"),
        ("true pairs", f"{seen.pairs:.2f} per problem; {seen.unmatched:.1%} of the slots stay unmatched"),
        ("the exact assignment is the truth", f"in {seen.optimal:.1%} of the problems"),
        *([("greedy is right", f"in {greedy:.1%} of the problems")] if greedy is not None else []),
    ]
