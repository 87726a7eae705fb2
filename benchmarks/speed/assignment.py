"""Compare exact assignment of whole batches with a plain loop over scipy's solver.

    python benchmarks/speed/assignment.py

The problems have uniform costs, in three forms: all slots exist; ragged problems, padded after their existing slots;
and a gate that forbids 70 % of the pairs. The loop does what a caller of scipy would do: it slices ragged problems, and
gives forbidden pairs a large cost.
"""

from collections.abc import Iterator

import numpy as np
import torch
import typer
from measure import Repeats, Way, compare, store
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

import hnetzoo

SIZES, BATCHES = (8, 32), (16, 256, 4096)
GATE, EXPENSIVE = 0.3, 1e6
PROBLEMS = 16384  # solved per repeat, batch by batch
Floats = NDArray[np.float64]


def full(cost: Floats, rounds: int) -> dict[str, Way]:
    """Return ways to solve problems whose slots all exist."""
    tensor = torch.from_numpy(cost)

    def whole() -> Iterator[None]:
        for _ in range(rounds):
            hnetzoo.assign(tensor)
            yield

    def loop() -> Iterator[None]:
        for _ in range(rounds):
            _ = [linear_sum_assignment(matrix) for matrix in cost]
            yield

    return {"hnetzoo.assign": whole, "plain scipy loop": loop}


def ragged(cost: Floats, rounds: int) -> dict[str, Way]:
    """Return ways to solve problems of 1 to n rows and columns."""
    tensor, slots = torch.from_numpy(cost), np.arange(cost.shape[1])
    sizes = np.random.default_rng(1).integers(1, len(slots) + 1, (2, len(cost), 1))
    masks = [torch.from_numpy(slots < size) for size in sizes]
    counts = sizes[..., 0].T.tolist()

    def whole() -> Iterator[None]:
        for _ in range(rounds):
            hnetzoo.assign(tensor, *masks)
            yield

    def loop() -> Iterator[None]:
        for _ in range(rounds):
            _ = [linear_sum_assignment(matrix[:n, :m]) for matrix, (n, m) in zip(cost, counts, strict=True)]
            yield

    return {"hnetzoo.assign": whole, "plain scipy loop": loop}


def gated(cost: Floats, rounds: int) -> dict[str, Way]:
    """Return ways to solve problems in which pairs beyond a gate are forbidden."""
    tensor = torch.from_numpy(cost)

    def whole() -> Iterator[None]:
        for _ in range(rounds):
            hnetzoo.assign(tensor, gate=GATE)
            yield

    def loop() -> Iterator[None]:
        for _ in range(rounds):
            _ = [linear_sum_assignment(np.where(matrix > GATE, EXPENSIVE, matrix)) for matrix in cost]
            yield

    return {"hnetzoo.assign": whole, "plain scipy loop": loop}


def main(repeats: Repeats = 7) -> None:
    """Time all sizes, batches and forms, and store the result."""
    torch.set_num_threads(1)  # like scipy
    cases = {}
    for form in (full, ragged, gated):
        for size in SIZES:
            for batch in BATCHES:
                case = f"{form.__name__}, n = {size}, batch {batch}"
                print(case)
                cost = np.random.default_rng(0).random((batch, size, size))
                cases[case] = compare(form(cost, PROBLEMS // batch), repeats)
    store("assignment", "Exact assignment of whole batches", "Uniform costs in float64,", cases)


if __name__ == "__main__":
    typer.run(main)
