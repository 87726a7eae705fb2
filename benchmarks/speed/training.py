"""Compare a training epoch on tensors in memory with the same network fed by a per-sample DataLoader.

    python benchmarks/speed/training.py

Network, losses, optimiser, batch size and problems are the same; only the feeding differs.
"""

from collections.abc import Iterable

import torch
from measure import compare, store
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import hnetzoo
from hnetzoo.training import shuffled_batches
from hnetzoo.zoo import configure

BATCH_SIZE = 256
STEPS = 405_000 // BATCH_SIZE
REPEATS = 3


class PerSample(Dataset[tuple[Tensor, ...]]):
    """One problem at a time, as a torch dataset is usually written."""

    def __init__(self, batch: hnetzoo.AssociationBatch) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return len(self.batch.distance)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(field[index] for field in self.batch)


class Run:
    """A network in training, from the same initial weights each time."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        registry = hnetzoo.discover()
        self.model = hnetzoo.load_model("hnetgru", weights=None, registry=registry).train()
        self.trainer = configure(registry.trainer("hnet")).build()
        self.optimizer, _ = self.trainer.configure(self.model, STEPS)

    def epoch(self, batches: Iterable[hnetzoo.AssociationBatch]) -> None:
        """Take a step per batch."""
        for batch in batches:
            self.optimizer.zero_grad()
            torch.stack(list(self.trainer.losses(self.model, batch).values())).sum().backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()


def main() -> None:
    """Measure both ways and store the result."""
    training = hnetzoo.load_dataset("doa-reference").load("train", seed=0)
    loader = DataLoader(PerSample(training), batch_size=BATCH_SIZE, shuffle=True, drop_last=True)
    ways = {
        "DataLoader, per sample": lambda: Run().epoch(hnetzoo.AssociationBatch(*fields) for fields in loader),
        "hnetzoo, whole tensors": lambda: Run().epoch(shuffled_batches(training, BATCH_SIZE, seed=0, epoch=1)),
    }
    what = f"{STEPS} steps at batch {BATCH_SIZE} on doa-reference, {torch.get_num_threads()} threads."
    store("training", "One training epoch of hnetgru", what, compare(ways, REPEATS))


if __name__ == "__main__":
    main()
