"""Training in several processes: those that `train --processes` starts, and those that torchrun has started."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from hnetzoo.cli.output import note
from hnetzoo.errors import ConfigError
from hnetzoo.registry.specs import FITTED
from hnetzoo.registry.stdout import stdout_to_stderr
from hnetzoo.training.ranks import Ranks, check_processes, is_launched, prepare_process, told_once

if TYPE_CHECKING:
    from hnetzoo.benchmark.jobs import Options
    from hnetzoo.benchmark.plan import Job

ProcessesOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Processes here that share every batch; torchrun starts its own.",
        show_default="1",
    ),
]
PrecisionOption = Annotated[
    Literal["float32", "bfloat16", "float16"],
    typer.Option(help="What the model computes with in training; weights, losses and validation stay float32."),
]
CompileOption = Annotated[bool, typer.Option("--compile", help="Train through torch.compile.")]


@contextmanager
def one_of(processes: int | None) -> Iterator[Ranks]:
    """Yield the place of this process among those that train together, whose errors in a `with` block are told once.

    Raises:
        ConfigError: If the environment tells another number of processes.
    """
    ranks = Ranks.of_this_process()
    with told_once(ranks):
        if ranks.size > 1:
            prepare_process(ranks)
            if processes not in (None, ranks.size):
                raise ConfigError(
                    f"--processes {processes} does not fit WORLD_SIZE = {ranks.size}; leave it out under torchrun"
                )
        yield ranks


def start_processes(job: "Job", processes: int) -> None:
    """Run this command in several processes, which show and write what it should; end with the code of a failure.

    Raises:
        ConfigError: If the model cannot be trained by so many.
    """
    from hnetzoo.config import TrainerConfig
    from hnetzoo.training.launch import launch

    trainer = job.entrant.trainer
    assert trainer is not None, "it is trained"
    assert isinstance(trainer.config, TrainerConfig), "checked when it was resolved"
    spec = job.entrant.spec
    check_processes(processes, spec.name, trainer.config.batch_size, fitted=FITTED in spec.tags)
    try:
        code = launch(sys.argv[1:], processes, note)
    finally:
        if sys.stdout.isatty():
            Console().show_cursor()  # a process that was killed left it hidden
    if code:
        raise typer.Exit(code)


def take_part(job: "Job", options: "Options", lead: Callable[[], None]) -> None:
    """Train a job together with the other processes, of which the first one leads."""
    from hnetzoo.benchmark.jobs import JobRunner
    from hnetzoo.training.group import joined

    ranks = options.training.ranks
    with joined(ranks, options.device):
        if ranks.first:
            lead()
        else:
            with stdout_to_stderr():
                JobRunner(options).assist(job)


@contextmanager
def interrupts_noted(ranks: Ranks) -> Iterator[None]:
    """Say after an interrupt in a `with` block how to continue, once for all processes."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if ranks.first and not is_launched():
            note("hnetzoo: interrupted; continue with the same command and --resume")
        raise
