"""NaN, infinities, the largest and the smallest numbers through every model and loss: finite answers, or an error."""

import math
import traceback
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import product
from typing import Any, cast

import torch
from torch import Tensor, nn

import hnetzoo
from hnetzoo.errors import HnetzooError
from hnetzoo.losses import PermutationInvariantLoss, TrackingLoss
from hnetzoo.registry.specs import FITTED, FIXED_SIZE
from tests.campaign.trial import Case, Trial, evenly

VALUES = {
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "largest": torch.finfo(torch.float32).max,
    "1e30": 1e30,
    "smallest normal": torch.finfo(torch.float32).tiny,
    "denormal": 1e-45,
    "0": 0.0,
    "-0": -0.0,
    "negative": -1.0,
}
SHAPES = ((1, 1), (2, 2), (3, 4))
PLACES = ("everywhere", "one", "a row", "outside the masks")
MATCHERS = ("hungarian", "sinkhorn", "exchangeable", "perturbed", "dual-softmax")


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` cases, evenly chosen of every model and loss by number, place, shape and mask."""
    yield from evenly(count, [*_of_models(), *_of_losses()])


def _of_models() -> Iterator[Case]:
    for name, spec in hnetzoo.discover().models.items():
        shapes = SHAPES[1:2] if FIXED_SIZE in spec.tags else SHAPES
        for shape, label, place in product(shapes, VALUES, PLACES):
            yield Case(
                f"{name} {shape} {label} {place}", partial(_model, name=name, shape=shape, label=label, place=place)
            )


def _of_losses() -> Iterator[Case]:
    for matcher, label, place in product(("", *MATCHERS), VALUES, PLACES):
        name = f"tracking through {matcher}" if matcher else "permutation-invariant"
        yield Case(f"{name} {label} {place}", partial(_loss, matcher=matcher, label=label, place=place))


def _distance(shape: tuple[int, int], label: str, place: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return two problems with a number in some places, and their masks."""
    distance = torch.rand(2, *shape, generator=torch.Generator().manual_seed(0))
    rows, columns = (torch.ones(2, size, dtype=torch.bool) for size in shape)
    value = VALUES[label]
    if place == "everywhere":
        distance[:] = value
    elif place == "one":
        distance[0, -1, -1] = value
    elif place == "a row":
        distance[1, 0] = value
    else:
        rows[:, -1] = False
        distance[:, -1] = value
    return distance.requires_grad_(), rows, columns


def _guarded(trial: Trial, answer: Callable[[], Tensor], distance: Tensor, *, finite: bool) -> None:
    """Note an answer or gradient that is no number, and errors that are not the project's own."""
    try:
        found = answer()
        good = found.isfinite() if finite else ~found.isnan()
        trial.require(bool(good.all()), "accepted", "an answer that is no number")
        if found.requires_grad:
            found.sum().backward()
            gradient = distance.grad
            whole = gradient is None or not bool(gradient.isnan().any())
            trial.require(whole, "accepted", "a gradient that is NaN")
    except HnetzooError as error:
        trial.require(bool(str(error)), "exit code", "an error without a reason")
    except Exception:
        trial.require(False, "traceback", traceback.format_exc()[-400:])


@cache
def _ready(name: str) -> nn.Module:
    """Return a model with its weights, or fitted to a few problems if it learns by that."""
    if FITTED not in hnetzoo.discover().model(name).tags:
        return hnetzoo.load_model(name)
    model: Any = hnetzoo.load_model(name, weights=None)
    model.fit(hnetzoo.load_dataset("doa", samples=500).load("train", seed=0))
    return cast(nn.Module, model.eval())


def _model(trial: Trial, name: str, shape: tuple[int, int], label: str, place: str) -> None:
    model = _ready(name)
    distance, rows, columns = _distance(shape, label, place)
    _guarded(trial, lambda: model(distance, rows, columns), distance, finite=True)


def _loss(trial: Trial, matcher: str, label: str, place: str) -> None:
    loss = TrackingLoss(hnetzoo.load_model(matcher)) if matcher else PermutationInvariantLoss()
    distance, rows, columns = (tensor[None] for tensor in _distance((3, 3), label, place))
    distance.retain_grad()
    _guarded(trial, lambda: torch.stack(list(loss.terms(distance, rows, columns).values())), distance, finite=False)
