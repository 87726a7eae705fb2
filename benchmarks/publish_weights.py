r"""Publish the weights of a finished run: a safetensors file with a model card.

    hnetzoo train hnetgru --dataset doa-reference --config plugins/hnetzoo_hnetgru/weights/default.toml \
        --seed 0 --out runs/weights/hnetgru
    python benchmarks/publish_weights.py runs/weights/hnetgru plugins/hnetzoo_hnetgru/weights/default

The card states the command, data, seeds, scope, the model's declared limits, and the metrics on the test splits of the
datasets tagged "benchmark" and of the dataset that the model was trained on, with its settings; for a model that takes
features, on its default dataset.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

import hnetzoo
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import Entry, default_suite
from hnetzoo.files import write_record
from hnetzoo.registry.components import configure
from hnetzoo.registry.specs import FEATURES
from hnetzoo.training.runs import BEST, METRICS, RunRecord, read_run

SEEDS = (0, 1, 2)


def publish(
    run: Annotated[Path, typer.Argument(help="A finished run directory.")],
    target: Annotated[Path, typer.Argument(help="Where to write, without suffix; its .toml is the run's --config.")],
    most_slots: Annotated[
        int | None,
        typer.Option(help="End the scope at so many slots a side: with more, the weights are too often wrong."),
    ] = None,
) -> None:
    """Copy the best weights and write their card."""
    record, registry = read_run(run), hnetzoo.discover()
    last_epoch = json.loads((run / METRICS).read_text().splitlines()[-1])
    weights = target.with_suffix(".safetensors")
    shutil.copyfile(run / BEST, weights)
    suite = default_suite(registry, [f"run:{run}"], seeds=SEEDS)
    spec = registry.model(record.model)
    usual = configure(registry.dataset(record.dataset)).config.model_dump(mode="json")
    if FEATURES in spec.tags:  # the usual datasets offer none
        suite = suite.model_copy(update={"datasets": (Entry(name=spec.dataset),)})
    elif record.dataset not in {entry.name for entry in suite.datasets} or record.settings["dataset"] != usual:
        own = Entry(name=record.dataset, label=f"{record.dataset}, as trained", settings=record.settings["dataset"])
        suite = suite.model_copy(update={"datasets": (*suite.datasets, own)})
    report = run_benchmark(suite, registry)
    rows = [{**row, "model": record.model, "weights": f"pretrained:{target.name}"} for row in report.to_json()["rows"]]
    card = {
        "model": record.model,
        "variant": target.name,
        "licence": "Apache-2.0",
        "command": f"hnetzoo train {record.model} --dataset {record.dataset} --config {target}.toml "
        f"--seed {record.seed} --out {run}",
        "seed": record.seed,
        "threads": record.threads,
        "data": {"dataset": record.dataset, **record.data},
        "settings": record.settings,
        "scope": _scope(record, most_slots),
        "selected": {"by": "validation F1", "epoch": last_epoch["best_epoch"], "f1": last_epoch["best_f1"]},
        "limits": sorted(spec.tags),
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "environment": record.environment,
        "test": rows,
    }
    write_record(target.with_suffix(".json"), card)
    typer.echo(f"wrote {weights} ({weights.stat().st_size:,} bytes) and its card")


def _scope(record: RunRecord, most_slots: int | None) -> dict[str, Any]:
    """Return the scope of a run, ended at a number of slots."""
    low, high = record.scope["slots"]
    return {**record.scope, "slots": [low, min(high, most_slots or high)]}


if __name__ == "__main__":
    typer.run(publish)
