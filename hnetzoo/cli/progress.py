"""Progress of training: a bar with live losses on a terminal, plain lines otherwise."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from hnetzoo.training.observer import EpochRecord, NullObserver, Observer

if TYPE_CHECKING:
    from rich.progress import Task
    from torch import Tensor

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


def epoch_line(record: EpochRecord, epochs: int) -> str:
    """Return an epoch as one line: times, losses of both splits, F1, and the best F1 so far."""
    width = len(str(epochs))
    return (
        f"epoch {record.epoch:{width}}/{epochs}  "
        f"train {record.seconds['train']:.1f} s, eval {record.seconds['evaluation']:.1f} s  "
        f"loss {_losses(record.losses)}  validation {_losses(record.validation['losses'])}  "
        f"F1 {record.validation['f1']:.4f}  best {record.best_f1:.4f} (epoch {record.best_epoch})"
        f"{f', {record.shortfall}' if record.shortfall else ''}"
    )


class LineObserver:
    """Print a line per epoch."""

    def __init__(self) -> None:
        self.epochs = 0

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Print the numbers of epochs and steps."""
        self.epochs = epochs
        resumed = f", {done} done before" if done else ""
        self.print(f"training {epochs} epochs of {steps} steps{resumed}")

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Do nothing."""

    def finished_epoch(self, record: EpochRecord) -> None:
        """Print the epoch."""
        self.print(epoch_line(record, self.epochs))

    def print(self, line: str) -> None:
        """Print a line and flush stdout, so that it appears at once in a pipe."""
        typer.echo(line)
        sys.stdout.flush()


class BarObserver(LineObserver):
    """Draw a bar over all steps, with a line per epoch above it."""

    def __init__(self, drawn: Progress) -> None:
        super().__init__()
        self.bar = drawn
        self.task: TaskID = drawn.add_task("", total=None, epoch="", losses="", f1="")
        self.steps = 0

    def started(self, epochs: int, steps: int, done: int) -> None:
        """Set the bar's length."""
        super().started(epochs, steps, done)
        self.steps = steps
        self.bar.reset(self.task, total=(epochs - done) * steps)
        self._show_epoch(done + 1)

    def stepped(self, epoch: int, step: int, losses: Mapping[str, "Tensor"]) -> None:
        """Advance the bar and show the losses, every `STEPS_PER_REFRESH` steps."""
        if step % STEPS_PER_REFRESH == 0 or step == self.steps:
            advance = step % STEPS_PER_REFRESH or STEPS_PER_REFRESH
            values = {name: float(loss.detach()) for name, loss in losses.items()}
            self.bar.update(self.task, advance=advance, losses=f"loss {_losses(values)}")

    def finished_epoch(self, record: EpochRecord) -> None:
        """Print the epoch above the bar and show its F1 in it."""
        super().finished_epoch(record)
        self.bar.update(self.task, f1=f"F1 {record.validation['f1']:.4f}")
        self._show_epoch(record.epoch + 1)

    def print(self, line: str) -> None:
        """Print above the bar."""
        self.bar.console.print(line, highlight=False)

    def _show_epoch(self, epoch: int) -> None:
        self.bar.update(self.task, epoch=f"epoch {min(epoch, self.epochs)}/{self.epochs}")


class _StepRate(ProgressColumn):
    """Steps per second."""

    def render(self, task: "Task") -> Text:
        return Text(f"{task.speed:.0f} steps/s" if task.speed else "- steps/s")


def bar(console: Console) -> Progress:
    """Return a bar with epoch, step rate, losses, F1 and time left."""
    return Progress(
        TextColumn("{task.fields[epoch]}"),
        BarColumn(bar_width=24),
        _StepRate(),
        TextColumn("{task.fields[losses]}"),
        TextColumn("{task.fields[f1]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _losses(losses: Mapping[str, float]) -> str:
    named = ", ".join(f"{name} {value:.4g}" for name, value in losses.items())
    return f"{sum(losses.values()):.4g} ({named})"
