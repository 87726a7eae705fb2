"""The models that advice considers: the exact solver, tuned solvers, and networks as they are and fine-tuned."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from hnetzoo.association.batch import TRUTHS, AssociationBatch
from hnetzoo.benchmark.suite import ModelEntry, SeenSplit
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import FEATURES

Role = Literal["exact", "solver", "network"]

GATES = 60  # of a grid
UNMATCHED = 20
BATCH_SIZE = 32
LEARNING_RATE = 5e-4
STEPS = 800  # of fine-tuning, about half a minute for problems of 8 x 8
MOST_EPOCHS = 20
_SEEN: tuple[SeenSplit, ...] = ("train", "validation")


@dataclass(frozen=True)
class Candidate:
    """A model to consider, and whether it is the exact solver, another one, or a network."""

    role: Role
    entry: ModelEntry


def candidates(registry: Registry, training: AssociationBatch, networks: Sequence[str]) -> list[Candidate]:
    """Return the models to consider on problems like those of a training split.

    Solvers are tuned over a grid that follows the distances, the largest value first, on all problems that networks may
    learn from. Networks that take features are left out where there are none, and added where there are.

    Args:
        registry: Where names are looked up.
        training: The training split.
        networks: Names of models with weights; those that take features are found by themselves.
    """
    gates = _grid(training, GATES)
    unmatched = tuple(gate / 2 for gate in _grid(training, UNMATCHED))
    known = [
        Candidate("exact", ModelEntry(name="hungarian")),
        Candidate("solver", ModelEntry(name="greedy")),
        Candidate("solver", _tuned("hungarian-gated", gate=gates)),
        Candidate("solver", _tuned("sinkhorn", unmatched=("never", *unmatched))),
    ]
    return [
        *known,
        *(
            one
            for name in _networks(registry, training, networks)
            for one in _both(registry, name, len(training.distance))
        ),
    ]


def _tuned(name: str, **tune: tuple[object, ...]) -> ModelEntry:
    return ModelEntry(name=name, tune=tune, tune_on=_SEEN)


def _networks(registry: Registry, training: AssociationBatch, named: Sequence[str]) -> Iterator[str]:
    yield from named
    if training.row_features is not None:
        for name, spec in registry.models.items():
            if FEATURES in spec.tags and spec.pretrained and name not in named:
                yield name


def _both(registry: Registry, name: str, problems: int) -> Iterator[Candidate]:
    """Yield a network as it is, told what pairs mean if it can be, and fine-tuned for at most `STEPS` steps."""
    steps = math.ceil(problems / BATCH_SIZE)
    trainer = {
        "epochs": max(1, min(MOST_EPOCHS, STEPS // max(1, steps))),
        "batch_size": min(BATCH_SIZE, problems),
        "learning_rate": LEARNING_RATE,
    }
    takes_truth = getattr(registry.model(name).load_target(), "takes_truth", False)
    tune = {"truth": ("any", *TRUTHS)} if takes_truth else {}
    as_it_is = ModelEntry(name=name, label=f"{name}, as it is", tune=tune, tune_on=_SEEN, optional=True)
    yield Candidate("network", as_it_is)
    start = f"{name}@default"
    label = f"{name}, fine-tuned"
    yield Candidate(
        "network", ModelEntry(name=name, label=label, train=True, init=start, trainer=trainer, optional=True)
    )


def _grid(training: AssociationBatch, count: int) -> tuple[float, ...]:
    """Return distances to choose a gate from, the largest first: at even shares of the true and of all pairs.

    The first is above all distances, and gates nothing.
    """
    allowed = training.cells & training.distance.isfinite()
    every, true = training.distance[allowed], training.distance[training.association & allowed]
    if not len(every):
        return (1.0,)
    shares = torch.linspace(0, 1, count // 2, dtype=torch.float64)
    found = torch.cat([_quantiles(values, shares) for values in (every, true) if len(values)])
    largest = float(every.max())
    grid = {float(f"{value:.4g}") for value in found.tolist() if value > 0} | {float(f"{2 * largest or 1.0:.4g}")}
    return tuple(sorted(grid, reverse=True))


def _quantiles(values: Tensor, shares: Tensor) -> Tensor:
    ordered = values.double().sort().values
    return ordered[(shares * (len(ordered) - 1)).round().long()]
