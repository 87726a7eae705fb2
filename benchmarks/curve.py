"""Measure accuracy against time of iterative models on pure assignment, by how often they iterate.

    python benchmarks/curve.py

Problems are chords between independent random directions, every row and column active, on one thread. A problem counts
as solved where the largest logit of every row is on the optimal assignment. One Sinkhorn keeps a constant
temperature; the other cools down as `sinkhorn` does by default.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import hnetzoo
from hnetzoo.environment import environment

RESULT = Path(__file__).parent / "results" / "curve-assignment.json"
PROBLEMS = {4: 4000, 8: 4000, 16: 1000, 32: 500}  # by size
BATCH_SIZE = 100
CONSTANT = {"start_temperature": 0.01, "end_temperature": 0.01}
WAYS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "sinkhorn, constant temperature": ("sinkhorn", CONSTANT, (10, 30, 100, 300, 1000)),
    "sinkhorn, annealed": ("sinkhorn", {}, (10, 30, 100, 300, 1000)),
    "exchangeable@assignment": ("exchangeable@assignment", {}, (6, 9, 12, 18, 24, 36)),
}


def points() -> Iterator[dict[str, Any]]:
    """Measure every model at every size and number of iterations."""
    for size, count in PROBLEMS.items():
        dataset = hnetzoo.load_dataset("lsap", max_size=size, min_size=size, costs="directions", samples=10 * count)
        problems = dataset.load("test", seed=0)
        for way, (name, settings, counts) in WAYS.items():
            for iterations in counts:
                model = hnetzoo.load_model(name, **settings, iterations=iterations)
                yield {"way": way, "size": size, "iterations": iterations, **measure(model, problems)}


def measure(model: torch.nn.Module, problems: hnetzoo.AssociationBatch) -> dict[str, float]:
    """Return the share of problems solved, the mean cost gap of the complete assignment, and milliseconds each."""
    start = time.perf_counter()
    with torch.no_grad():
        logits = [model(part) for part in torch.split(problems.distance, BATCH_SIZE)]
    seconds = time.perf_counter() - start
    answer = torch.cat(logits)
    solved = (answer.argmax(2) == problems.association.int().argmax(2)).all(1).float().mean()
    complete = hnetzoo.assign(-answer)
    cost, optimum = ((problems.distance * chosen).sum((1, 2)) for chosen in (complete, problems.association))
    gap = (cost / optimum - 1).mean()
    return {"solved": float(solved), "cost_gap": float(gap), "milliseconds": 1e3 * seconds / len(answer)}


def main() -> None:
    """Measure and store."""
    torch.set_num_threads(1)
    found = []
    for point in points():
        found.append(point)
        print(*(f"{value:.4g}" if isinstance(value, float) else value for value in point.values()), flush=True)
    document = {"problems": PROBLEMS, "points": found, "environment": environment()}
    RESULT.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
