"""Compare a training epoch on tensors in memory with the same network fed by a per-sample DataLoader.

    python benchmarks/speed/training.py

Architecture, losses, batch size and problems are the same in all ways. The first is how such a training is usually
written: samples one by one, the attention's 1x1 convolutions as convolutions, Adam with its defaults. The second uses
hnetzoo's network and optimiser, the third also its batches, whose values are checked once and not in every step, as in
`hnetzoo train`.
"""

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
import typer
from measure import Repeats, compare, store
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import hnetzoo
from hnetzoo.association.masking import skip_value_checks
from hnetzoo.registry.components import configure
from hnetzoo.training.batches import shuffled_batches

BATCH_SIZE = 256
SETTINGS = hnetzoo.TrainerConfig(batch_size=BATCH_SIZE)
STEPS = 405_000 // BATCH_SIZE
STEPS_PER_TURN = 25

Array = NDArray[Any]


class PerSample(Dataset[tuple[Array, ...]]):
    """Dataset of single samples: distances, associations and the activity of both sides, as numpy arrays."""

    def __init__(self, batch: hnetzoo.AssociationBatch) -> None:
        pairs = zip(batch.distance.double().numpy(), batch.association.double().numpy(), strict=True)
        self.samples = [(distance.copy(), association.copy()) for distance, association in pairs]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Array, ...]:
        distance, association = self.samples[index]
        rows, columns = association.sum(-1), association.sum(-2)
        return tuple(array.astype(np.float32) for array in (distance, association, rows, columns))


def collated(loader: Iterable[list[Tensor]]) -> Iterator[hnetzoo.AssociationBatch]:
    """Yield the collated batches of a loader as problems."""
    for distance, association, *_ in loader:
        yield hnetzoo.AssociationBatch.with_full_masks(distance, association.bool())


def convolve(attention: Any, sequence: Tensor) -> Tensor:
    """Return the output of the attention layer with 1x1 convolutions, as in the paper, [b, n, c] of [b, n, c]."""
    query, key, value = (conv(sequence.mT) for conv in (attention.conv_Q, attention.conv_K, attention.conv_V))
    weights: Tensor = torch.softmax(query.mT @ key, -1)
    related: Tensor = weights @ value.mT
    return related


class Run:
    """A network in training, always from the same initial weights, on batches whose values may have been checked."""

    def __init__(self, *, literal: bool = False, checked: bool = False) -> None:
        torch.manual_seed(0)
        registry = hnetzoo.discover()
        self.model = hnetzoo.load_model("hnetgru", weights=None, registry=registry).train()
        self.trainer = configure(registry.trainer("hnet")).build()
        self.optimization = self.trainer.configure(self.model, STEPS)
        self.checking = skip_value_checks if checked else nullcontext
        if literal:
            attention: Any = self.model.attn
            attention.forward = partial(convolve, attention)
            self.optimization = hnetzoo.Optimization(torch.optim.Adam(self.model.parameters(), lr=1e-3))

    def epoch(self, batches: Iterable[hnetzoo.AssociationBatch]) -> Iterator[None]:
        """Yield after every 25 training steps, one step per batch."""
        for step, batch in enumerate(batches, start=1):
            self.optimization.optimizer.zero_grad()
            with self.checking():
                losses = self.trainer.losses(self.model, batch)
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            self.optimization.optimizer.step()
            if step % STEPS_PER_TURN == 0:
                yield


def main(repeats: Repeats = 3) -> None:
    """Time an epoch in each way, and store the result."""
    training = hnetzoo.load_dataset("doa-reference").load("train", seed=0)
    loader = DataLoader(PerSample(training), batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
    ways = {
        "DataLoader per sample, convolutions, Adam as it comes": lambda: Run(literal=True).epoch(collated(loader)),
        "DataLoader per sample, hnetzoo's network and optimiser": lambda: Run().epoch(collated(loader)),
        "hnetzoo, whole tensors": lambda: Run(checked=True).epoch(
            shuffled_batches([training], SETTINGS, seed=0, epoch=1)
        ),
    }
    what = f"{STEPS} steps at batch {BATCH_SIZE} on doa-reference,"
    store("training", "One training epoch of hnetgru", what, {"": compare(ways, repeats)})


if __name__ == "__main__":
    typer.run(main)
