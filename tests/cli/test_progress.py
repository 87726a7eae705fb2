"""Output of a training while it runs."""

import io
import re
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress

from hnetzoo.cli.progress import BarObserver, LineObserver, bar, progress
from hnetzoo.cli.training_lines import epoch_line
from hnetzoo.training.observer import EpochRecord, NullObserver, Observer, TrainingStart

RECORD = EpochRecord(
    epoch=2,
    losses={"cell": 2.0, "row": 0.5, "column": 0.25},
    validation={"f1": 0.875, "losses": {"cell": 1.0, "row": 0.5, "column": 0.5}},
    seconds={"train": 8.54, "evaluation": 0.71},
    learning_rate=1e-3,
    best_epoch=1,
    best_f1=0.9,
)


START = TrainingStart(
    model="hnetgru", device="cpu", parameters=100_098, problems=405_000, validation=40_500, epochs=10, steps=30
)


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def drive(observer: Observer) -> None:
    """Report two epochs of 30 steps."""
    observer.started(replace(START, epochs=2))
    for epoch in (1, 2):
        for step in range(1, 31):
            observer.stepped(epoch, step, {"cell": torch.tensor(1.5, requires_grad=True), "row": torch.tensor(0.25)})
        observer.finished_epoch(replace(RECORD, epoch=epoch))


def test_a_wide_epoch_line_has_times_losses_by_name_f1_and_the_best() -> None:
    assert epoch_line(RECORD, 10, 3725, 200) == (
        "epoch  2/10  loss 2.75 (cell 2, row 0.5, column 0.25)  validation 2 (cell 1, row 0.5, column 0.5)  "
        "F1 0.8750  best 0.9000 (epoch 1)  train 8.5 s, eval 0.7 s  1:02:05 left"
    )


def test_an_epoch_line_fits_80_columns_and_keeps_what_matters_most() -> None:
    assert epoch_line(RECORD, 10, 83, 80) == ("epoch  2/10  loss 2.75  validation 2  F1 0.8750  best 0.9000  1:23 left")


@given(
    loss=st.floats(1e-30, 1e30),
    epochs=st.integers(2, 99999),
    left=st.floats(0, 1e6),
    solver=st.none() | st.floats(0, 1),
    names=st.integers(1, 12),
)
def test_no_epoch_line_is_longer_than_80_columns(
    loss: float, epochs: int, left: float, solver: float | None, names: int
) -> None:
    losses = {f"term{name}": loss for name in range(names)}
    record = replace(RECORD, losses=losses, validation={"f1": 1.0, "losses": losses}, exact_solver_f1=solver)
    line = epoch_line(record, epochs, left, 80)
    assert len(line) <= 80
    for part in (f"epoch {2:{len(str(epochs))}}/{epochs}", "F1 1.0000", "best 0.9000"):
        assert part in line


@pytest.mark.parametrize(
    ("exact", "solver", "said"),
    [
        (0.0, 0.5, "best 0.9000 (epoch 1), no problem is matched exactly"),
        (0.3, 0.95, "best 0.9000 (epoch 1), below the exact solver's F1 of 0.9500"),
        (0.3, 0.9, "best 0.9000 (epoch 1)  train"),
        (None, None, "best 0.9000 (epoch 1)  train"),
    ],
)
def test_epoch_line_says_what_is_lacking_against_the_exact_solver(
    exact: float | None, solver: float | None, said: str
) -> None:
    assert said in epoch_line(replace(RECORD, best_exact=exact, exact_solver_f1=solver), 10, 0, 200)


OWN = replace(RECORD, validation={**RECORD.validation, "weighted_f1": 0.9126, "mine": 12.0})


def test_own_metrics_stand_in_the_epoch_line_or_below_it() -> None:
    wide, narrow = epoch_line(OWN, 10, 83, 200), epoch_line(OWN, 10, 83, 80)
    assert "F1 0.8750  weighted_f1 0.9126  mine 12  best 0.9000 (epoch 1)" in wide
    assert narrow.splitlines() == [epoch_line(RECORD, 10, 83, 80), "  weighted_f1 0.9126  mine 12"]
    many = replace(OWN, validation={**RECORD.validation, **{f"number_{index}": 0.5 for index in range(20)}})
    assert max(map(len, epoch_line(many, 10, 83, 80).splitlines())) <= 80
    assert epoch_line(many, 10, 83, 80).count("number_") == 20


def test_a_fitted_model_has_neither_steps_nor_a_training_loss(capsys: pytest.CaptureFixture[str]) -> None:
    observer = LineObserver(width=200, clock=Clock())
    observer.started(replace(START, model="forest", epochs=1, steps=1, fitted=True))
    observer.finished_epoch(replace(RECORD, epoch=1, losses={}))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "fitting forest on cpu: 405,000 problems, 40,500 for validation"
    assert second.startswith("epoch 1/1  validation 2 (cell 1, row 0.5, column 0.5)  F1 0.8750  best")


@pytest.mark.parametrize(("patience", "said"), [(3, "3 epochs"), (1, "1 epoch")])
def test_an_early_stop_says_why(capsys: pytest.CaptureFixture[str], patience: int, said: str) -> None:
    LineObserver(width=80).stopped_early(RECORD, patience)
    line = f"stopped after epoch 2: no better F1 for {said} (trainer.patience)\n"
    assert capsys.readouterr().out == line


def test_piped_output_is_plain_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with progress() as observer:
        assert type(observer) is LineObserver
        drive(observer)
    out = capsys.readouterr().out
    assert [line[:11] for line in out.splitlines()] == ["training hn", "epoch 1/2  ", "epoch 2/2  "]
    assert "\x1b" not in out


def test_the_first_line_says_what_is_trained_where_on_how_much_and_for_how_long(
    capsys: pytest.CaptureFixture[str],
) -> None:
    LineObserver(width=200).started(START)
    LineObserver(width=80).started(replace(START, done=4))
    wide, *narrow = capsys.readouterr().out.splitlines()
    assert wide == (
        "training hnetgru on cpu: 100,098 parameters, 405,000 problems, 40,500 for validation, 10 epochs of 30 steps"
    )
    assert max(map(len, narrow)) <= 80
    assert " ".join(" ".join(narrow).split()) == f"{wide}, 4 done before"


def test_the_time_that_is_left_goes_by_the_epochs_of_this_run(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    observer = LineObserver(width=80, clock=clock)
    observer.started(replace(START, done=1))
    for epoch, seconds, left in ((2, 60, "8:00"), (3, 180, "14:00"), (4, 180, "14:00")):
        clock.now += seconds
        observer.finished_epoch(replace(RECORD, epoch=epoch))
        assert capsys.readouterr().out.rstrip().endswith(f"{left} left"), epoch
    observer.finished_epoch(replace(RECORD, epoch=10))
    assert "left" not in capsys.readouterr().out


def test_a_long_epoch_prints_a_line_every_20_seconds_and_a_short_one_none(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    observer = LineObserver(width=200, clock=clock)
    observer.started(replace(START, epochs=2))
    for step in range(1, 11):
        clock.now += 6.0
        observer.stepped(1, step, {"cell": torch.tensor(1.5), "row": torch.tensor(0.25)})
    _, *lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "epoch 1/2  step 4/30  loss 1.75  5:36 left",
        "epoch 1/2  step 8/30  loss 1.75  5:12 left",
    ]


def test_a_silent_observer_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress(silent=True) as observer:
        assert type(observer) is NullObserver
        drive(observer)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("width", "losses"), [(200, "loss 1.75 (cell 1.5, row 0.25) "), (80, "loss 1.75 F1 0.8750")])
def test_terminal_shows_a_bar_with_live_losses_f1_and_lines_above(width: int, losses: str) -> None:
    screen = io.StringIO()
    with bar(Console(file=screen, force_terminal=True, width=width)) as drawn:
        observer = BarObserver(drawn)
        drive(observer)
        drawn.refresh()
        (task,) = drawn.tasks
        assert (task.completed, task.total) == (60, 60)
        shown = re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", screen.getvalue())
    for part in ("epoch 2/2", losses, "F1 0.8750", "steps/s", epoch_line(replace(RECORD, epoch=2), 2, 0, width)):
        assert part in shown
    assert "…" not in shown


def test_bar_of_a_resumed_training_covers_the_remaining_steps() -> None:
    with Progress(console=Console(file=io.StringIO())) as drawn:
        BarObserver(drawn).started(replace(START, done=4))
        assert drawn.tasks[0].total == 180
