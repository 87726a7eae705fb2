"""Training of a localizer with a criterion; the best epoch on the validation scenes is kept."""

import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from benchmarks.localizer.augmentation import turn
from benchmarks.localizer.criteria import Criterion
from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Build, Localizer
from benchmarks.localizer.scoring import estimate, score
from benchmarks.localizer.settings import TrainingSettings
from hnetzoo import Optimization, one_cycle
from hnetzoo.errors import DivergenceError

LARGEST_GRADIENT = 1.0


def train(
    criterion: Criterion,
    training: Examples,
    validation: Examples,
    settings: TrainingSettings,
    seed: int,
    build: Build | None = None,
) -> tuple[Localizer, list[dict[str, Any]]]:
    """Return a trained localizer and its learning curve.

    With a patience, the training ends where the validation has not improved for so many epochs. Those of the warm-up
    are not selected.

    Args:
        criterion: The sum of its terms is minimised.
        training: Training scenes, turned by a random symmetry in each epoch.
        validation: Validation scenes; the epoch of their lowest mean GOSPA is selected.
        settings: Settings of the training.
        seed: Seed of the initial weights, and of the order and symmetries of the scenes.
        build: Returns a new localizer; None builds one without classes for as many sources as the scenes have.

    Returns:
        The localizer of the best epoch, and a record per epoch: its learning rate, its mean losses by name, its scores
        on the validation scenes, and seconds.

    Raises:
        DivergenceError: If a loss is not finite.
    """
    torch.manual_seed(seed)
    localizer = build() if build else Localizer(training.directions.shape[2], channels=settings.channels)
    optimization = one_cycle(
        localizer,
        settings.epochs * (len(training.features) // settings.batch_size),
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        largest_gradient=LARGEST_GRADIENT,
    )
    average = _average(localizer, settings.averaging) if settings.averaging else None
    shown: Localizer = average.module if average else localizer  # type: ignore[assignment]
    update = partial(average.update_parameters, localizer) if average else None
    curve: list[dict[str, Any]] = []
    best, lowest, best_epoch = shown.state_dict(), math.inf, settings.warmup
    for epoch in range(1, settings.epochs + 1):
        start, rate = time.perf_counter(), optimization.optimizer.param_groups[0]["lr"]
        parts = batches(training, settings.batch_size, seed, epoch)
        losses = _run_epoch(localizer, criterion, optimization, parts, update)
        scores = score(estimate(shown, validation.features), validation, settings.gate_deg)
        record = {"epoch": epoch, "learning_rate": rate, "losses": losses, **scores._asdict()}
        curve.append({**record, "seconds": time.perf_counter() - start})
        if epoch > settings.warmup and scores.gospa_deg < lowest:
            best = {name: value.clone() for name, value in shown.state_dict().items()}
            lowest, best_epoch = scores.gospa_deg, epoch
        if settings.patience is not None and epoch - best_epoch >= settings.patience:
            break
    localizer.load_state_dict(best)
    return localizer, curve


def _average(localizer: Localizer, averaging: float) -> AveragedModel:
    """Return a moving average of weights and of the statistics of batch normalisation."""
    average = get_ema_multi_avg_fn(averaging)  # type: ignore[no-untyped-call]
    return AveragedModel(localizer, multi_avg_fn=average, use_buffers=True)


def batches(training: Examples, batch_size: int, seed: int, epoch: int) -> Iterator[Examples]:
    """Yield whole batches of the scenes, in an order and with symmetries that depend on (seed, epoch)."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint32)
    generator = torch.Generator().manual_seed(int(state[0]))
    order = torch.randperm(len(training.features), generator=generator)
    for index in torch.split(order[: len(order) // batch_size * batch_size], batch_size):
        yield turn(training.select(index), generator)


def _run_epoch(
    localizer: Localizer,
    criterion: Criterion,
    optimization: Optimization,
    parts: Iterator[Examples],
    update: Callable[[], None] | None,
) -> dict[str, float]:
    """Return the mean of each term, after taking a step per batch, and an update after each."""
    localizer.train()
    history = []
    for part in parts:
        terms = criterion(localizer(part.features), part)
        optimization.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimization.step()
        if update:
            update()
        history.append({name: float(term.detach()) for name, term in terms.items()})
        if not all(map(math.isfinite, history[-1].values())):
            raise DivergenceError(f"step {len(history)} of an epoch: the losses are {history[-1]}")
    return {name: fmean(terms[name] for terms in history) for name in history[0]}
