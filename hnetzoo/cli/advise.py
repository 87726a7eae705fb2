"""`hnetzoo advise FILE`: does a network beat the exact solver on one's own problems?"""

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hnetzoo.cli.options import DeviceOption, ExecutorOption, JsonOption, SetOption, resolve_device
from hnetzoo.cli.output import check_writable, note, print_json, print_table
from hnetzoo.cli.own_data import described
from hnetzoo.config import MAX_SEED, read_values
from hnetzoo.engines.choice import Engine
from hnetzoo.errors import ConfigError
from hnetzoo.registry.discovery import discover
from hnetzoo.registry.stdout import stdout_to_stderr

if TYPE_CHECKING:
    from hnetzoo.benchmark.advice import Advice
    from hnetzoo.benchmark.contenders import Line
    from hnetzoo.benchmark.suite import Entry

PROBLEMS = "problems.npz"
RUNS = Path("runs/advise")


def advise_command(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="Problems with their truth: .npz; .csv with a line per pair; .npy or .csv with --truth; a folder of "
            "MOTChallenge sequences, or with files of reference and predicted directions.",
            show_default=False,
        ),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="True pairs of a .npy or .csv file, 0 or 1, of the same shape.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Keep the problems of a .npy or .csv file with their truth as .npz here.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="A registered dataset instead of a file.")] = None,
    settings: SetOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A network with weights to consider; may be repeated.", show_default="exchangeable"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Of drawn splits and of fine-tuning.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="How many candidates run at once.", show_default="1")] = None,
    executor: ExecutorOption = "loky",
    runs: Annotated[
        Path | None,
        typer.Option(help="Folder that keeps trainings and logs; on other machines, runs/advise.", show_default=False),
    ] = None,
    device: DeviceOption = "cpu",
    json: JsonOption = False,
    html: Annotated[Path | None, typer.Option(help="Write the answer as a page here.", show_default=False)] = None,
) -> None:
    """Say whether a network beats the exact solver and tuned solvers on your own problems, and how sure that is.

    Everything is chosen on training and validation problems; two paired comparisons on test problems decide.
    """
    values = read_values(overrides=settings or ())
    if values["model"] or values["trainer"]:
        raise ConfigError("advise takes settings of the dataset, dataset.*; leave out the others")
    engine = Engine.parse(executor)
    check_writable(save, html)
    if (source is None) == (dataset is None):
        raise ConfigError("advise takes a FILE or a --dataset, and not both; see hnetzoo advise --help")
    registry = discover()  # before torch is imported, so that strangers' code is read in a child process
    from hnetzoo.benchmark.advice import advise
    from hnetzoo.benchmark.contenders import Ways
    from hnetzoo.benchmark.suite import Entry

    runs = runs or (RUNS if engine.is_shared else None)
    workers = jobs or engine.usual_workers
    how = Ways(device=resolve_device(device, elsewhere=engine.is_shared), engine=engine, workers=workers, runs=runs)
    if engine.is_shared and runs:
        runs.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=runs if engine.is_shared else None) as folder, stdout_to_stderr():
        together = save or Path(folder) / PROBLEMS
        name, given = (dataset, {}) if source is None else described(source, truth, together)
        entry = Entry(name=str(name), settings={**given, **values["dataset"]})
        advice = advise(
            entry,
            registry,
            networks=tuple(model or ("exchangeable",)),
            seed=seed,
            how=how,
            on_line=(lambda line: None) if json else _note,
            tell=(lambda line: None) if json else note,
        )
    command = advice.verdict.command.replace(str(Path(folder) / PROBLEMS), PROBLEMS)
    if html:
        _write_page(html, advice, entry, command)
    if json:
        print_json({**_document(advice, entry), "next": command})
    else:
        _print(advice, command)


def _print(advice: "Advice", command: str) -> None:
    """Print tables, verdict, and the command to type next, in which temporary files have lasting names."""
    from hnetzoo.report.advice_tables import advice_tables

    for table in advice_tables(advice):
        print_table(table.title, table.columns, table.rows, table.caption)
    typer.echo(advice.verdict.sentence)
    if command != advice.verdict.command:
        note(f"add --save {PROBLEMS} to keep the problems with their truth")
    typer.echo(f"next: {command}")


def _note(line: "Line") -> None:
    note(f"{line.label}: validation F1 {line.validation_f1:.4f}")


def _write_page(path: Path, advice: "Advice", entry: "Entry", command: str) -> None:
    from hnetzoo.files import write_file
    from hnetzoo.registry.environment import environment
    from hnetzoo.report.advice_tables import advice_tables
    from hnetzoo.report.html.answer import differences, render_answer
    from hnetzoo.report.html.intervals import Interval

    named = (("best solver against the exact one", advice.solver), ("best network against best solver", advice.network))
    intervals = [Interval(name, one.value, one.low, one.high) for name, one in named if one is not None]
    figures = [differences(intervals)] if intervals else []
    title = f"Does a network pay on your problems ({entry.name})?"
    tables = advice_tables(advice)
    page = render_answer(title, [advice.verdict.sentence], tables, figures, environment(), command)
    write_file(path, page.encode())


def _document(advice: "Advice", entry: "Entry") -> dict[str, Any]:
    document = asdict(advice)
    del document["verdict"]["command"]  # told beside it, without temporary files
    for line in document["lines"]:
        line["scores"] = {key: line["scores"][key] for key in ("f1", "exact", "precision", "recall", "cost_gap")}
    return {"dataset": entry.name, **document}
