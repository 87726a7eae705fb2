"""Compare models with the exact posterior of pairs of doa-tracks, the ceiling of what distances tell.

    python benchmarks/ceiling.py

The posterior says how likely each pair is true (`hnetzoo_doa.posterior`); a pair is made if that is above 1/2, as
models do. The shipped weights were trained with a weight of true pairs above 1, for F1 in crowds; so a second row is of
the posterior with the odds of all pairs multiplied by it, which is what is best by their loss. All decide the same test
problems of each seed.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
import typer
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy

import hnetzoo
from hnetzoo.association.counts import compare
from hnetzoo.association.prediction import predict
from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment
from hnetzoo.report.markdown import render_table
from hnetzoo.report.tables import Table
from hnetzoo_doa.config import DOATracksConfig
from hnetzoo_doa.posterior import pair_posterior
from hnetzoo_doa.tracks import DOATracks

RESULT = Path(__file__).parent / "results" / "ceiling.json"
SEEDS = (0, 1, 2)
PROBLEMS = 6_000  # of each test split
DECISION = 0.5
SLOTS = {4: "doa-tracks", 10: "doa-tracks, 10 slots"}
MODELS: dict[str, dict[str, Any]] = {"exchangeable": {}, "exchangeable, identity": {"truth": "identity"}}
RECIPE = Path(__file__).parents[1] / "plugins" / "hnetzoo_exchangeable" / "weights" / "default.toml"
PAIR_WEIGHT: float = tomllib.loads(RECIPE.read_text())["trainer"]["pair_weight"]
POSTERIORS = {"exact posterior": 1.0, f"exact posterior, odds x {PAIR_WEIGHT}": PAIR_WEIGHT}
SCORES = ("f1", "exact", "cross_entropy")


def main() -> None:
    """Write the scores of the posterior and of models for each task and seed."""
    torch.set_num_threads(1)
    models = {name: hnetzoo.load_model("exchangeable", **settings) for name, settings in MODELS.items()}
    rows = [row for slots, task in SLOTS.items() for seed in SEEDS for row in _rows(slots, task, seed, models)]
    write_json(RESULT, {"seeds": SEEDS, "problems": PROBLEMS, "rows": rows, "environment": environment()})


def _rows(slots: int, task: str, seed: int, models: dict[str, nn.Module]) -> Iterator[dict[str, Any]]:
    """Yield the scores of each way on a task and seed."""
    config = DOATracksConfig(max_doas=slots, samples=10 * PROBLEMS)
    batch = DOATracks(config).load("test", seed)
    likely = {name: predict(model, *batch.problems).double().sigmoid() for name, model in models.items()}
    posterior = pair_posterior(config, batch)
    likely |= {name: weighted(posterior, weight) for name, weight in POSTERIORS.items()}
    for name, probability in likely.items():
        row = {"task": task, "seed": seed, "model": name, **scores(probability, batch)}
        print(*(f"{value:.4f}" if isinstance(value, float) else value for value in row.values()), flush=True)
        yield row


def weighted(probability: Tensor, weight: float) -> Tensor:
    """Return probabilities with their odds multiplied by a weight."""
    return weight * probability / (1 + (weight - 1) * probability)


def scores(probability: Tensor, batch: hnetzoo.AssociationBatch) -> dict[str, float]:
    """Return F1 and exact matches of pairs above 1/2, and the cross-entropy of a problem [nats]."""
    total = compare(probability > DECISION, batch).total()
    likely, true = probability[batch.cells], batch.association[batch.cells].double()
    loss = binary_cross_entropy(likely.clamp(0, 1), true, reduction="sum")
    return {"f1": total.f1, "exact": total.exact_share, "cross_entropy": loss.item() / total.problems}


def ceiling_table(result: dict[str, Any]) -> str:
    """Return the table of the stored result: means over seeds by task and way."""
    rows = []
    for task in SLOTS.values():
        for name in dict.fromkeys(row["model"] for row in result["rows"]):
            mine = [row for row in result["rows"] if (row["task"], row["model"]) == (task, name)]
            values = ([row[score] for row in mine] for score in SCORES)
            rows.append((task, name, *(f"{fmean(found):.4f} ± {stdev(found):.4f}" for found in values)))
    seeds = ", ".join(map(str, result["seeds"]))
    caption = f"{result['problems']:,} test problems of each seed ({seeds}). Means over seeds, ± standard deviation."
    columns = ("task", "model", "F1", "exact", "cross-entropy [nats]")
    return render_table(Table(title="What distances tell", caption=caption, columns=columns, rows=tuple(rows)), "####")


if __name__ == "__main__":
    typer.run(main)
