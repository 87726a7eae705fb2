"""Train exchangeable on doa-reference by its defaults and by the longer recipe that was the default before.

    python benchmarks/speed/recipe.py

Times are of the epochs of `hnetzoo train`, with validation.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import torch
import typer
from measure import ENVIRONMENT, RESULTS

from hnetzoo.files import write_json

RECIPES = {
    "default": [],
    "longer": ["trainer.epochs=12", "trainer.batch_size=1024", "trainer.learning_rate=0.003"],
}


def trained(settings: list[str], seed: int) -> dict[str, Any]:
    """Return the number of epochs of a training, their seconds, and its F1 on the validation and test splits."""
    changed = [part for setting in settings for part in ("--set", setting)]
    with TemporaryDirectory() as folder:
        out = Path(folder, "run")
        printed = subprocess.run(
            [sys.executable, "-m", "hnetzoo", "train", "exchangeable", "--dataset", "doa-reference", "--json",
             *changed, "--seed", str(seed), "--device", "cpu", "--out", str(out)],
            stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
        epochs = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return {
        "epochs": len(epochs),
        "seconds": sum(sum(epoch["seconds"].values()) for epoch in epochs),
        "validation_f1": epochs[-1]["best_f1"],
        "test_f1": json.loads(printed)["test"]["f1"],
    }


def main(seeds: Annotated[int, typer.Option(min=1, help="How many seeds, from 0.")] = 3) -> None:
    """Train by each recipe with each seed, in turn, and store benchmarks/results/speed-recipe.json."""
    rows = []
    for seed in range(seeds):
        for recipe, settings in RECIPES.items():
            rows.append({"recipe": recipe, "seed": seed, **trained(settings, seed)})
            print(rows[-1], flush=True)
    threads = torch.get_num_threads()
    write_json(RESULTS / "speed-recipe.json", {"rows": rows, "environment": {**ENVIRONMENT, "threads": threads}})


if __name__ == "__main__":
    typer.run(main)
