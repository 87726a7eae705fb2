"""Compare models with the exact posterior of pairs of doa-tracks, the ceiling of what distances tell.

    python benchmarks/ceiling.py

The posterior says how likely each pair is true (`hnetzoo_doa.posterior`); a pair is made if that is above 1/2, as
models do. All decide the same test problems of each seed.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated, Any

import torch
import typer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

import hnetzoo
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
SLOTS = {4: "doa-tracks", 10: "doa-tracks, 10 slots"}
MODELS: dict[str, dict[str, Any]] = {"exchangeable": {}, "exchangeable, identity": {"truth": "identity"}}
POSTERIOR = "exact posterior"
SCORES = ("f1", "exact", "cross_entropy")


def main(
    samples: Annotated[int, typer.Option(help="Training samples of a dataset, whose tenth is the test.")] = 200_000,
    json: Annotated[Path, typer.Option(help="Where to write.")] = RESULT,
) -> None:
    """Write the scores of the posterior and of models for each task and seed."""
    rows = list(_rows(samples))
    write_json(json, {"seeds": SEEDS, "problems": samples // 10, "rows": rows, "environment": environment()})
    print(f"wrote {json}")


def _rows(samples: int) -> Iterator[dict[str, Any]]:
    """Yield the scores of each task, seed and way."""
    for slots, task in SLOTS.items():
        config = DOATracksConfig(max_doas=slots, samples=samples)
        for seed in SEEDS:
            batch = DOATracks(config).load("test", seed)
            for name, probability in _ways(config).items():
                row = {"task": task, "seed": seed, "model": name, **scores(probability(batch), batch)}
                print(*(f"{value:.4f}" if isinstance(value, float) else value for value in row.values()), flush=True)
                yield row


def _ways(config: DOATracksConfig) -> dict[str, Callable[[hnetzoo.AssociationBatch], Tensor]]:
    """Return by name how likely each says that pairs are true."""
    models = {name: hnetzoo.load_model("exchangeable", **settings) for name, settings in MODELS.items()}
    ways: dict[str, Callable[[hnetzoo.AssociationBatch], Tensor]] = {
        name: lambda batch, model=model: predict(model, *batch.problems).double().sigmoid()  # type: ignore[misc]
        for name, model in models.items()
    }
    return ways | {POSTERIOR: lambda batch: pair_posterior(config, batch)}


def scores(probability: Tensor, batch: hnetzoo.AssociationBatch) -> dict[str, float]:
    """Return F1 and exact matches of pairs above 1/2, and the cross-entropy of a problem [nats]."""
    truth, cells = batch.association.bool(), batch.cells
    found = (probability > 0.5) & cells
    likely, true = probability[cells].clamp(1e-12, 1 - 1e-12), truth[cells].double()
    return {
        "f1": 2 * (found & truth).sum().item() / max(1, (found.sum() + truth.sum()).item()),
        "exact": (found == truth).flatten(1).all(1).double().mean().item(),
        "cross_entropy": binary_cross_entropy(likely, true, reduction="sum").item() / len(truth),
    }


def ceiling_table(result: dict[str, Any]) -> str:
    """Return the table of the stored result: means over seeds by task and way."""
    rows = []
    for task in SLOTS.values():
        for name in (*MODELS, POSTERIOR):
            mine = [row for row in result["rows"] if (row["task"], row["model"]) == (task, name)]
            values = ([row[score] for row in mine] for score in SCORES)
            rows.append((task, name, *(f"{fmean(found):.4f} ± {stdev(found):.4f}" for found in values)))
    seeds = ", ".join(map(str, result["seeds"]))
    caption = f"{result['problems']:,} test problems of each seed ({seeds}). Means over seeds, ± standard deviation."
    columns = ("task", "model", "F1", "exact", "cross-entropy [nats]")
    return render_table(Table(title="What distances tell", caption=caption, columns=columns, rows=tuple(rows)), "####")


if __name__ == "__main__":
    torch.set_num_threads(1)
    typer.run(main)
