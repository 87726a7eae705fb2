"""Progress of training: a bar with live losses on a terminal, plain lines otherwise."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from hnetzoo.cli.output import console
from hnetzoo.cli.training_lines import epoch_line, named, start_line, step_line, stop_line, total
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer, TrainingStart

if TYPE_CHECKING:
    from rich.progress import Task
    from torch import Tensor

SECONDS_PER_LINE = 20
BAR_WIDTH = 68  # characters of the bar with all that stands beside it, but for the losses
STEPS_PER_REFRESH = 20  # reading losses waits for the device; this often does not slow training


@contextmanager
def progress(*, silent: bool = False) -> Iterator[Observer]:
    """Yield an observer that draws a bar if stdout is a terminal, prints lines otherwise, or nothing if silent."""
    if silent:
        yield NullObserver()
    elif sys.stdout.isatty():
        with bar(Console()) as drawn:
            yield BarObserver(drawn)
    else:
        yield LineObserver()


class LineObserver:
    """Print a line when a training starts, after every epoch, and in long epochs every `SECONDS_PER_LINE`.

    Args:
        width: Most characters of a line; by default those of stdout.
        clock: Returns the time [seconds].
    """

    def __init__(self, width: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.width, self.clock = width or console().width, clock
        self.start: TrainingStart
        self.began = self.printed = 0.0

    def started(self, start: TrainingStart) -> None:
        """Print what is trained."""
        self.start, self.began = start, self.clock()
        self.print(fill(start_line(start), self.width, subsequent_indent="  ", break_on_hyphens=False))

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Print how far the epoch is, if the last line is long ago."""
        if self.clock() - self.printed >= SECONDS_PER_LINE:
            self.print(step_line(epoch, step, _read(losses), self.start, self._left(epoch - 1, step)))

    def finished_epoch(self, record: EpochRecord) -> None:
        """Print the epoch."""
        self.print(epoch_line(record, self.start.epochs, self._left(record.epoch), self.width))

    def stopped_early(self, record: EpochRecord, patience: int) -> None:
        """Print why no epoch follows."""
        self.print(stop_line(record, patience))

    def print(self, text: str) -> None:
        """Print text and flush stdout, so that it appears at once in a pipe."""
        typer.echo(text)
        sys.stdout.flush()
        self.printed = self.clock()

    def _left(self, epochs: int, steps: int = 0) -> float:
        """Return the time that is left [seconds], as long per step as those of this run so far."""
        done = (epochs - self.start.done) * self.start.steps + steps
        remaining = (self.start.epochs - epochs) * self.start.steps - steps
        return (self.clock() - self.began) / max(1, done) * remaining


class BarObserver(LineObserver):
    """Draw a bar over all steps, with a line per epoch above it."""

    def __init__(self, drawn: Progress) -> None:
        super().__init__(drawn.console.width)
        self.bar = drawn
        self.task: TaskID = drawn.add_task("", total=None, epoch="", losses="", f1="")

    def started(self, start: TrainingStart) -> None:
        """Print what is trained and set the bar's length."""
        super().started(start)
        self.bar.reset(self.task, total=(start.epochs - start.done) * start.steps)
        self._show_epoch(start.done + 1)

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Advance the bar and show the losses, every `STEPS_PER_REFRESH` steps; by name if the terminal is wide."""
        if step % STEPS_PER_REFRESH == 0 or step == self.start.steps:
            advance = step % STEPS_PER_REFRESH or STEPS_PER_REFRESH
            values = _read(losses)
            fits = len(named(values)) <= self.width - BAR_WIDTH
            self.bar.update(self.task, advance=advance, losses=f"loss {named(values) if fits else total(values)}")

    def finished_epoch(self, record: EpochRecord) -> None:
        """Print the epoch above the bar and show its F1 in it."""
        super().finished_epoch(record)
        self.bar.update(self.task, f1=f"F1 {record.validation['f1']:.4f}")
        self._show_epoch(record.epoch + 1)

    def print(self, text: str) -> None:
        """Print above the bar."""
        self.bar.console.print(Text(text, overflow="ignore"), crop=False)

    def _show_epoch(self, epoch: int) -> None:
        self.bar.update(self.task, epoch=f"epoch {min(epoch, self.start.epochs)}/{self.start.epochs}")


def _read(losses: Mapping[str, "Tensor"]) -> dict[str, float]:
    """Return losses as numbers, which waits for the device."""
    return {name: float(loss.detach()) for name, loss in losses.items()}


class _StepRate(ProgressColumn):
    """Steps per second."""

    def render(self, task: "Task") -> Text:
        return Text(f"{task.speed:.0f} steps/s" if task.speed else "- steps/s")


def bar(console: Console) -> Progress:
    """Return a bar with epoch, step rate, losses, F1 and time left."""
    return Progress(
        TextColumn("{task.fields[epoch]}"),
        BarColumn(bar_width=16),
        _StepRate(),
        TextColumn("{task.fields[losses]}"),
        TextColumn("{task.fields[f1]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
