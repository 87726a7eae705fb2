"""Measure accuracy against time of iterative models on pure assignment, by number of iterations.

    python benchmarks/curve.py

Distances are chords between independent random directions, all rows and columns are active, and there is one thread. A
problem counts as solved if the largest logit of every row is on the optimal assignment. One Sinkhorn has a constant
temperature, another anneals it, and the third over-relaxes its updates too, as `sinkhorn` does by default, and
`exchangeable` where nothing may stay unmatched.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import typer

import hnetzoo
from hnetzoo.association.prediction import predict
from hnetzoo.benchmark.timing import Conditions, time_model
from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment

RESULT = Path(__file__).parent / "results" / "curve-assignment.json"
PROBLEMS = {4: 4000, 8: 4000, 16: 1000, 32: 500, 64: 200}  # by size
TIMED = 100  # problems per timed batch
CONSTANT = {"start_temperature": 0.02, "end_temperature": 0.02, "relaxation": 1.0}
WAYS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "sinkhorn, constant temperature": ("sinkhorn", CONSTANT, (10, 30, 100, 300, 1000)),
    "sinkhorn, annealed": ("sinkhorn", {"relaxation": 1.0}, (10, 30, 100, 300, 1000)),
    "sinkhorn, over-relaxed": ("sinkhorn", {}, (16, 24, 32, 50, 70, 100)),
    "exchangeable, never unmatched": ("exchangeable", {"unmatched": "never"}, (50,)),
}


def points() -> Iterator[dict[str, Any]]:
    """Yield the measures of every model at every size and number of iterations."""
    for size, count in PROBLEMS.items():
        dataset = hnetzoo.load_dataset("lsap", max_size=size, min_size=size, costs="directions", samples=10 * count)
        problems = dataset.load("test", seed=0)
        for way, (name, settings, counts) in WAYS.items():
            for iterations in counts:
                steps: dict[str, Any] = {"iterations": iterations} if len(counts) > 1 else {}
                model = hnetzoo.load_model(name, **settings, **steps)
                yield {"way": way, "size": size, "iterations": iterations, **measure(model, problems)}


def measure(model: torch.nn.Module, problems: hnetzoo.AssociationBatch) -> dict[str, float]:
    """Return the share of problems solved, mean cost gap of the complete assignment, and milliseconds per problem."""
    answer = predict(model, problems.distance, problems.row_mask, problems.col_mask)
    microseconds = time_model(model, problems, Conditions.here(TIMED, "cpu"), "cpu")
    solved = (answer.argmax(2) == problems.association.int().argmax(2)).all(1).float().mean()
    complete = hnetzoo.assign(-answer)
    cost, optimum = ((problems.distance * chosen).sum((1, 2)) for chosen in (complete, problems.association))
    gap = (cost / optimum - 1).mean()
    return {"solved": float(solved), "cost_gap": float(gap), "milliseconds": microseconds / 1e3}


def main() -> None:
    """Measure all models at all sizes and numbers of iterations, and store the result."""
    torch.set_num_threads(1)
    found = []
    for point in points():
        found.append(point)
        print(*(f"{value:.4g}" if isinstance(value, float) else value for value in point.values()), flush=True)
    document = {"problems": PROBLEMS, "points": found, "environment": {**environment(), "threads": 1}}
    write_json(RESULT, document)


if __name__ == "__main__":
    typer.run(main)
