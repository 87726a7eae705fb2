"""Compare over-relaxed Sinkhorn with the plain iteration, by size and form of the problems.

    python benchmarks/speed/transport.py

One way is `sinkhorn` with its defaults, which solves nearly all of these problems exactly; the other is plain annealed
Sinkhorn of a hundred iterations, which solves fewer. `curve.py` measures how many.
"""

from collections.abc import Iterator
from typing import Any

import torch
import typer
from measure import Repeats, Way, compare, store
from torch import Tensor, nn
from torch.nn.functional import normalize

import hnetzoo

SHAPES = {(4, 4): 4096, (8, 8): 2048, (16, 16): 512, (32, 32): 128, (64, 64): 32, (16, 32): 256, (32, 64): 64}
ROUNDS = 8
PLAIN: dict[str, Any] = {
    "iterations": 100,
    "relaxation": 1,
    "start_temperature": 0.32,
    "end_temperature": 0.002,
    "scale": 1,
}


def passes(model: nn.Module, distance: Tensor) -> Iterator[None]:
    """Yield after each forward pass."""
    for _ in range(ROUNDS):
        with torch.no_grad():
            model(distance)
        yield


def ways(distance: Tensor) -> dict[str, Way]:
    """Return the two ways to solve problems."""
    relaxed, plain = hnetzoo.load_model("sinkhorn"), hnetzoo.load_model("sinkhorn", **PLAIN)
    return {
        "over-relaxed, 50 iterations": lambda: passes(relaxed, distance),
        "plain, 100 iterations": lambda: passes(plain, distance),
    }


def main(repeats: Repeats = 7) -> None:
    """Time all sizes of both kinds of costs, and store the result."""
    torch.set_num_threads(1)
    generator, cases = torch.Generator().manual_seed(0), {}
    for (n, m), batch in SHAPES.items():
        rows, columns = (normalize(torch.randn(batch, size, 3, generator=generator), dim=-1) for size in (n, m))
        for costs, distance in (
            ("directions", torch.cdist(rows, columns)),
            ("uniform", torch.rand(batch, n, m, generator=generator)),
        ):
            case = f"{costs}, {n} x {m}"
            print(case)
            cases[case] = compare(ways(distance), repeats)
    store("transport", "Entropic transport", f"{ROUNDS} passes of a batch in float32,", cases)


if __name__ == "__main__":
    typer.run(main)
