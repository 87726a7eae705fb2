"""Training of a localizer with a criterion; the best epoch on the validation scenes is kept."""

import math
import time
from collections.abc import Iterator
from statistics import fmean
from typing import Any

import numpy as np
import torch

from benchmarks.localizer.augmentation import turn
from benchmarks.localizer.criteria import Criterion
from benchmarks.localizer.features import Examples
from benchmarks.localizer.network import Localizer
from benchmarks.localizer.scoring import estimate, score
from benchmarks.localizer.settings import TrainingSettings
from hnetzoo import Optimization, one_cycle
from hnetzoo.errors import DivergenceError

LARGEST_GRADIENT = 1.0


def train(
    criterion: Criterion, training: Examples, validation: Examples, settings: TrainingSettings, seed: int
) -> tuple[Localizer, list[dict[str, Any]]]:
    """Return a trained localizer and its learning curve.

    Args:
        criterion: The sum of its terms is minimised.
        training: Training scenes, turned by a random symmetry in each epoch.
        validation: Validation scenes; the epoch of their lowest mean GOSPA is selected.
        settings: Settings of the training.
        seed: Seed of the initial weights, and of the order and symmetries of the scenes.

    Returns:
        The localizer of the best epoch, and a record per epoch: its mean losses by name, its scores on the validation
        scenes, and seconds.

    Raises:
        DivergenceError: If a loss is not finite.
    """
    torch.manual_seed(seed)
    localizer = Localizer(training.directions.shape[2])
    steps = settings.epochs * (len(training.features) // settings.batch_size)
    optimization = one_cycle(
        localizer,
        steps,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        largest_gradient=LARGEST_GRADIENT,
    )
    curve, best, lowest = [], localizer.state_dict(), math.inf
    for epoch in range(1, settings.epochs + 1):
        start = time.perf_counter()
        losses = _run_epoch(localizer, criterion, optimization, batches(training, settings.batch_size, seed, epoch))
        scores = score(estimate(localizer, validation.features), validation, settings.gate_deg)
        curve.append({"epoch": epoch, "losses": losses, **scores._asdict(), "seconds": time.perf_counter() - start})
        if scores.gospa_deg < lowest:
            best, lowest = {name: value.clone() for name, value in localizer.state_dict().items()}, scores.gospa_deg
    localizer.load_state_dict(best)
    return localizer, curve


def batches(training: Examples, batch_size: int, seed: int, epoch: int) -> Iterator[Examples]:
    """Yield whole batches of the scenes, in an order and with symmetries that depend on (seed, epoch)."""
    state = np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint32)
    generator = torch.Generator().manual_seed(int(state[0]))
    order = torch.randperm(len(training.features), generator=generator)
    for index in torch.split(order[: len(order) // batch_size * batch_size], batch_size):
        yield turn(training.select(index), generator)


def _run_epoch(
    localizer: Localizer, criterion: Criterion, optimization: Optimization, parts: Iterator[Examples]
) -> dict[str, float]:
    """Return the mean of each term, after taking a step per batch."""
    localizer.train()
    history = []
    for part in parts:
        terms = criterion(localizer(part.features), part)
        optimization.optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimization.optimizer.step()
        if optimization.scheduler is not None:
            optimization.scheduler.step()
        history.append({name: float(term.detach()) for name, term in terms.items()})
        if not all(map(math.isfinite, history[-1].values())):
            raise DivergenceError(f"step {len(history)} of an epoch: the losses are {history[-1]}")
    return {name: fmean(terms[name] for terms in history) for name in history[0]}
