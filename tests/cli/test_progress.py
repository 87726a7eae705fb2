"""Output of a training while it runs."""

import io
from dataclasses import replace

import pytest
import torch
from rich.console import Console
from rich.progress import Progress

from hnetzoo.cli.progress import BarObserver, LineObserver, bar, epoch_line, progress
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer

RECORD = EpochRecord(
    epoch=2,
    losses={"cell": 2.0, "row": 0.5, "column": 0.25},
    validation={"f1": 0.875, "losses": {"cell": 1.0, "row": 0.5, "column": 0.5}},
    seconds={"train": 8.54, "evaluation": 0.71},
    learning_rate=1e-3,
    best_epoch=1,
    best_f1=0.9,
)


def drive(observer: Observer) -> None:
    """Report two epochs of 30 steps."""
    observer.started(2, 30, 0)
    for epoch in (1, 2):
        for step in range(1, 31):
            observer.stepped(epoch, step, {"cell": torch.tensor(1.5, requires_grad=True), "row": torch.tensor(0.25)})
        observer.finished_epoch(RECORD)


def test_epoch_line_names_times_losses_f1_and_the_best() -> None:
    assert epoch_line(RECORD, 10) == (
        "epoch  2/10  train 8.5 s, eval 0.7 s  loss 2.75 (cell 2, row 0.5, column 0.25)  "
        "validation 2 (cell 1, row 0.5, column 0.5)  F1 0.8750  best 0.9000 (epoch 1)"
    )


@pytest.mark.parametrize(
    ("exact", "solver", "end"),
    [
        (0.0, 0.5, "(epoch 1), no problem is matched exactly"),
        (0.3, 0.95, "(epoch 1), below the exact solver's F1 of 0.9500"),
        (0.3, 0.9, "(epoch 1)"),
        (None, None, "(epoch 1)"),
    ],
)
def test_epoch_line_says_what_is_lacking_against_the_exact_solver(
    exact: float | None, solver: float | None, end: str
) -> None:
    assert epoch_line(replace(RECORD, best_exact=exact, exact_solver_f1=solver), 10).endswith(f"best 0.9000 {end}")


def test_piped_output_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as observer:
        assert type(observer) is LineObserver
        drive(observer)
    out = capsys.readouterr().out
    assert out.splitlines() == ["training 2 epochs of 30 steps", *[epoch_line(RECORD, 2)] * 2]
    assert "\x1b" not in out


def test_a_silent_observer_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(silent=True) as observer:
        assert type(observer) is NullObserver
        drive(observer)
    assert capsys.readouterr() == ("", "")


def test_terminal_shows_a_bar_with_live_losses_f1_and_lines_above() -> None:
    screen = io.StringIO()
    with bar(Console(file=screen, force_terminal=True, width=200)) as drawn:
        observer = BarObserver(drawn)
        drive(observer)
        drawn.refresh()
        (task,) = drawn.tasks
        assert (task.completed, task.total) == (60, 60)
        shown = screen.getvalue()
    for part in ("epoch 2/2", "loss 1.75 (cell 1.5, row 0.25)", "F1 0.8750", "steps/s", epoch_line(RECORD, 2)):
        assert part in shown


def test_bar_of_a_resumed_training_covers_the_remaining_steps() -> None:
    with Progress(console=Console(file=io.StringIO())) as drawn:
        BarObserver(drawn).started(10, 30, 4)
        assert drawn.tasks[0].total == 180
