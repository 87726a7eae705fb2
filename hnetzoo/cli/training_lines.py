"""Lines about a training: what begins, how far an epoch is, and what it ended with."""

from collections.abc import Mapping, Sequence
from textwrap import wrap

from hnetzoo.training.observer import EpochRecord, TrainingStart

DETAILS = ("validation", "shortfall", "best epoch", "seconds", "names")  # of an epoch, in the order in which they join


def start_line(start: TrainingStart) -> str:
    """Return what is trained, where, on how much, and for how long.

    Example:
        >>> start_line(TrainingStart(model="dhn", device="cpu", parameters=1000, problems=400, validation=40, epochs=3,
        ...                          steps=20, done=1))
        'training dhn on cpu: 1,000 parameters, 400 problems, 40 for validation, 3 epochs of 20 steps, 1 done before'
    """
    if start.fitted:
        return (
            f"fitting {start.model} on {start.device}: {start.problems:,} problems, {start.validation:,} for validation"
        )
    plural = "" if start.epochs == 1 else "s"
    resumed = f", {start.done} done before" if start.done else ""
    return (
        f"training {start.model} on {start.device}: {start.parameters:,} parameters, {start.problems:,} problems, "
        f"{start.validation:,} for validation, {start.epochs} epoch{plural} of {start.steps} steps{resumed}"
    )


def step_line(epoch: int, step: int, losses: Mapping[str, float], start: TrainingStart, left: float) -> str:
    """Return how far an epoch is, its loss, and the time that is left [seconds]."""
    return "  ".join((_epoch(epoch, start.epochs), f"step {step}/{start.steps}", f"loss {total(losses)}", _left(left)))


def epoch_line(record: EpochRecord, epochs: int, left: float, width: int) -> str:
    """Return an epoch as one line, with as many details as fit: first the validation loss, at last losses by name.

    The trainer's own metrics follow on lines of their own where they do not fit.

    Args:
        record: The epoch.
        epochs: Number of epochs in all.
        left: Time that is left [seconds].
        width: Most characters; loss, F1, the best F1 and the time that is left are always there.
    """
    own = tuple(f"{name} {value:.4g}" for name, value in record.own_metrics.items())
    for inside in (own, ()):
        for count in range(len(DETAILS), -1, -1):
            line = _epoch_line(record, epochs, left, DETAILS[:count], inside)
            if len(line) <= width or not (inside or count):
                return "\n".join([line, *_continued(own[len(inside) :], width)])
    raise AssertionError("the last line is taken however long it is")


def stop_line(record: EpochRecord, patience: int) -> str:
    """Return why a training ends before its last epoch.

    Example:
        >>> numbers = {"losses": {}, "validation": {}, "seconds": {}, "learning_rate": 0.1, "best_f1": 0.5}
        >>> stop_line(EpochRecord(epoch=9, best_epoch=6, **numbers), 3)
        'stopped after epoch 9: no better F1 for 3 epochs (trainer.patience)'
    """
    plural = "" if patience == 1 else "s"
    return f"stopped after epoch {record.epoch}: no better F1 for {patience} epoch{plural} (trainer.patience)"


def named(losses: Mapping[str, float]) -> str:
    """Return the sum of losses, and each by its name."""
    return f"{total(losses)} ({', '.join(f'{name} {value:.3g}' for name, value in losses.items())})"


def total(losses: Mapping[str, float]) -> str:
    """Return the sum of losses."""
    return f"{sum(losses.values()):.3g}"


def _epoch_line(record: EpochRecord, epochs: int, left: float, details: Sequence[str], own: Sequence[str]) -> str:
    loss = named if "names" in details else total
    best = f"best {record.best_f1:.4f}"
    best += f" (epoch {record.best_epoch})" if "best epoch" in details else ""
    best += f", {record.shortfall}" if "shortfall" in details and record.shortfall else ""
    parts = [_epoch(record.epoch, epochs), *([f"loss {loss(record.losses)}"] if record.losses else [])]
    if "validation" in details:
        parts.append(f"validation {loss(record.validation['losses'])}")
    parts += [f"F1 {record.validation['f1']:.4f}", *own, best]
    if "seconds" in details:
        parts.append(f"train {record.seconds['train']:.1f} s, eval {record.seconds['evaluation']:.1f} s")
    return "  ".join([*parts, *([_left(left)] if record.epoch < epochs else [])])


def _continued(own: Sequence[str], width: int) -> list[str]:
    """Return a trainer's own metrics as indented lines."""
    return wrap("  ".join(own), width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _epoch(epoch: int, epochs: int) -> str:
    return f"epoch {epoch:{len(str(epochs))}}/{epochs}"


def _left(seconds: float) -> str:
    """Return a time as h:mm:ss left, without hours where there are none."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{f'{hours}:{minute:02}' if hours else minute}:{second:02} left"
