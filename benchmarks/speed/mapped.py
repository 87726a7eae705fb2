"""Compare training on problems of files that are mapped into memory with training on the same problems in memory.

    python benchmarks/speed/mapped.py

Both are fed in the same order. The files are in the page cache; `out_of_core.py` reads them from the disk.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import typer
from measure import Repeats, compare, store

import hnetzoo
from hnetzoo.registry.components import configure
from hnetzoo.training.batches import LargeGroup, shuffled_batches

PROBLEMS = 409_600
SETTINGS = hnetzoo.TrainerConfig(batch_size=4096)
STEPS_PER_TURN = 5


def trained(batches: Iterable[hnetzoo.AssociationBatch]) -> Iterator[None]:
    """Yield after every few steps of dual-softmax, one per batch, always from the same initial weights."""
    registry = hnetzoo.discover()
    model = hnetzoo.load_model("dual-softmax", weights=None, registry=registry).train()
    trainer = configure(registry.trainer("hnet")).build()
    optimization = trainer.configure(model, PROBLEMS // SETTINGS.batch_size)
    for step, batch in enumerate(batches, start=1):
        optimization.optimizer.zero_grad()
        torch.stack(list(trainer.losses(model, batch).values())).sum().backward()  # type: ignore[no-untyped-call]
        optimization.step()
        if step % STEPS_PER_TURN == 0:
            yield


def drawn(batches: Iterable[hnetzoo.AssociationBatch]) -> Iterator[None]:
    """Yield after every few batches, of which nothing is made."""
    for step, _ in enumerate(batches, start=1):
        if step % STEPS_PER_TURN == 0:
            yield


def main(repeats: Repeats = 3) -> None:
    """Time an epoch in both ways, with and without a model, and store the result."""
    problems = hnetzoo.load_dataset("lsap", samples=PROBLEMS, min_size=8).load("train", 0)
    with TemporaryDirectory() as temporary:
        hnetzoo.write_problem_folder(Path(temporary, "folder"), {"train": problems.pieces()})
        mapped = hnetzoo.read_problem_folder(Path(temporary, "folder")).load("train")
        groups = {"mapped from files": LargeGroup(mapped), "in memory": problems}
        cases = {
            case: compare(
                {
                    name: lambda work=work, group=group: work(shuffled_batches([group], SETTINGS, 0, 1))  # type: ignore[misc]
                    for name, group in groups.items()
                },
                repeats,
            )
            for case, work in {"an epoch of dual-softmax": trained, "its batches alone": drawn}.items()
        }
    what = f"{PROBLEMS:,} problems of 8 x 8 at batch {SETTINGS.batch_size}, files in the page cache,"
    store("mapped", "Problems in files and in memory", what, cases)


if __name__ == "__main__":
    typer.run(main)
