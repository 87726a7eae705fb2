"""A suite over one shared folder: by several commands, a dask cluster, and submitit, with one process killed midway.

python -m tests.campaign.shared_folder [--json FILE]

Models note every computation in a file, which is what is counted; nothing of hnetzoo's own records is believed. Each
cell must be computed, at most the one that was killed twice, and the report be that of one process but for times.
"""

import json
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import typer

from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment
from tests.campaign.command import begin, end, finish, start

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
COMMANDS = 3
WORKERS = 2
PLUGIN = """
import hashlib
import time
from pathlib import Path

import torch
import hnetzoo

class CountedConfig(hnetzoo.Config):
    gate: float = 0.5
    calls: Path = Path("calls")
    seconds: float = 0.0

class Counted(torch.nn.Module):
    def __init__(self, config, shape):
        super().__init__()
        self.config, self.is_noted = config, False

    def forward(self, distance, row_mask=None, col_mask=None):
        if not self.is_noted:
            self.is_noted = True
            problems = hashlib.sha256(distance.numpy().tobytes()).hexdigest()[:16]
            with self.config.calls.open("a") as calls:
                calls.write(f"{self.config.gate} {problems}\\n")
            time.sleep(self.config.seconds)
        return self.config.gate - distance

@hnetzoo.hookimpl
def hnetzoo_models():
    return [hnetzoo.ModelSpec(name="counted", summary="", target="counted_zoo:Counted",
                              config="counted_zoo:CountedConfig", tags={"non-learned"})]
"""


@dataclass(frozen=True)
class Size:
    """Of a suite: models, datasets and seeds make its cells; a computation takes some seconds."""

    models: int = 4
    datasets: int = 3
    seeds: int = 5
    seconds: float = 0.3

    @property
    def cells(self) -> int:
        """How many cells the suite has."""
        return self.models * self.datasets * self.seeds


class Scene:
    """A folder with a suite, the plugin that counts, and the shared folder."""

    def __init__(self, folder: Path, size: Size) -> None:
        self.folder, self.size = folder, size
        self.calls, self.runs, self.suite = folder / "calls", folder / "runs", folder / "suite.toml"
        site = folder / "site"
        info = site / "counted_zoo-1.0.dist-info"
        info.mkdir(parents=True)
        (site / "counted_zoo.py").write_text(PLUGIN)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: counted-zoo\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[hnetzoo]\ncounted = counted_zoo\n")
        self.site = site
        self.environment = {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT), os.environ.get("PYTHONPATH", "")])}
        settings = f'calls = "{self.calls}", seconds = {size.seconds}'
        models = [
            f'{{name = "counted", label = "gate {number}", settings = {{gate = 0.{number}, {settings}}}}}'
            for number in range(1, size.models + 1)
        ]
        datasets = [
            f'{{name = "doa", label = "doa {number}", settings = {{samples = {200 * (1 + number)}}}}}'
            for number in range(size.datasets)
        ]
        self.suite.write_text(
            f"models = [{', '.join(models)}]\ndatasets = [{', '.join(datasets)}]\nseeds = {list(range(size.seeds))}\n"
        )

    def arguments(self, *more: str, runs: Path | None = None) -> tuple[str, ...]:
        """Return the arguments of a command that runs the suite and writes b.json into its working directory."""
        return ("benchmark", "--suite", str(self.suite), "--runs", str(runs or self.runs), "--json", "b.json", *more)

    def working_directory(self, name: str) -> Path:
        """Return a new folder."""
        (self.folder / name).mkdir()
        return self.folder / name

    def computations(self) -> Counter[str]:
        """Return how often each cell was begun to be computed, and forget it."""
        found = Counter(self.calls.read_text().splitlines())
        self.calls.unlink()
        return found

    def kill_midway(self, process: int | None = None, *, parent: bool = False) -> None:
        """Kill a process that computes a row once a quarter of them is there; a claim tells which process that is.

        `process` names the one to kill; otherwise it is any. `parent` kills its parent first.
        """
        rows, claims, began = self.runs / "rows", self.runs / "claims", time.monotonic()
        while time.monotonic() - began < PATIENCE_S:
            owners = [_owner(path, self.size.seconds / 3) for path in claims.glob("*")] if claims.is_dir() else []
            chosen = [owner for owner in owners if owner and process in (None, owner)]
            if chosen and len(list(rows.glob("*.json"))) >= self.size.cells // 4:
                for victim in [*([_parent(chosen[0])] if parent else []), chosen[0]]:
                    os.kill(victim, signal.SIGKILL)
                return
            time.sleep(0.005)
        raise TimeoutError("no process to kill")


def _owner(claim: Path, least_age_s: float) -> int | None:
    """Return the process of a claim; None if it is younger, and nothing may be computed yet."""
    try:
        if time.time() - claim.stat().st_mtime < least_age_s:
            return None
        return int(json.loads(claim.read_text())["process"])
    except (OSError, ValueError):
        return None


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def comparable(path: Path) -> dict[str, Any]:
    """Return a benchmark document without times and environment."""
    document: dict[str, Any] = json.loads(path.read_text())
    del document["environment"]
    for row in document["rows"]:
        del row["microseconds_per_problem"], row["timing"]
    return document


def by_one_process(scene: Scene) -> dict[str, Any]:
    """Return the document of one process in a folder of its own."""
    folder = scene.working_directory("alone")
    arguments = scene.arguments(runs=folder / "runs")
    outcome = finish(start(folder, arguments, scene.environment), folder, arguments)
    assert outcome.code == 0, outcome.err
    scene.calls.unlink()
    return comparable(folder / "b.json")


def by_commands(scene: Scene, *, fresh: bool = True) -> list[dict[str, Any]]:
    """Return the documents of the commands of several that were not killed; `fresh` starts new interpreters."""
    folders = [scene.working_directory(f"command{number}") for number in range(COMMANDS)]
    arguments = scene.arguments()
    if fresh:
        started = [start(folder, arguments, scene.environment) for folder in folders]
        scene.kill_midway(started[0].pid)
        outcomes = [finish(one, folder, arguments) for one, folder in zip(started, folders, strict=True)]
    else:
        begun = [begin(folder, arguments, environment=scene.environment) for folder in folders]
        scene.kill_midway(begun[0])
        outcomes = [end(one, folder, arguments) for one, folder in zip(begun, folders, strict=True)]
    assert outcomes[0].code == -signal.SIGKILL
    assert all(outcome.code == 0 for outcome in outcomes[1:]), outcomes[1].err + outcomes[2].err
    return [comparable(folder / "b.json") for folder in folders[1:]]


def by_engine(scene: Scene, executor: str, run: Callable[[tuple[str, ...]], object]) -> None:
    """Run a command on an engine, of which a worker is killed midway; that of dask works in a child of it."""
    killer = threading.Thread(target=scene.kill_midway, kwargs={"parent": executor.startswith("dask")})
    killer.start()
    run(scene.arguments("--executor", executor, "--jobs", str(WORKERS)))
    killer.join()


@contextmanager
def dask_cluster(site: Path) -> Iterator[str]:
    """Yield the address of a cluster of worker processes that can import what is in a folder."""
    from distributed import LocalCluster

    sys.path.insert(0, str(site))  # new processes take it over
    try:
        options = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
        with LocalCluster(n_workers=WORKERS, threads_per_worker=1, **options) as cluster:
            yield cluster.scheduler_address
    finally:
        sys.path.remove(str(site))


def verdict(scene: Scene, documents: list[dict[str, Any]], alone: dict[str, Any]) -> dict[str, Any]:
    """Return what was counted."""
    found = scene.computations()
    return {
        "cells": scene.size.cells,
        "lost": scene.size.cells - len(found),
        "twice": sum(count > 1 for count in found.values()),
        "most": max(found.values()),
        "equal": all(document == alone for document in documents),
    }


def main(json_file: Annotated[Path | None, typer.Option("--json", help="Write the counts here.")] = None) -> None:
    """Run the suite of 60 cells in all three ways, and print the counts."""
    known, ways = environment(), {}
    for name, way in {
        f"{COMMANDS} commands, 1 killed": lambda scene: by_commands(scene),
        f"dask, 1 of {WORKERS} workers killed": lambda scene: _on_engine(scene, "dask"),
        f"submitit on this machine, 1 of {WORKERS} workers killed": lambda scene: _on_engine(scene, "slurm:local"),
    }.items():
        with tempfile.TemporaryDirectory() as folder:
            scene = Scene(Path(folder), Size())
            alone = by_one_process(scene)
            began = time.monotonic()
            documents = way(scene)
            ways[name] = {**verdict(scene, documents, alone), "seconds": time.monotonic() - began}
        typer.echo(f"{name}: {ways[name]}")
    if json_file:
        write_json(json_file, {"ways": ways, "environment": known})
    if any(way["lost"] or way["twice"] > 1 or way["most"] > 2 or not way["equal"] for way in ways.values()):
        raise typer.Exit(1)


def _on_engine(scene: Scene, engine: str) -> list[dict[str, Any]]:
    folder = scene.working_directory("engine")

    def run(arguments: tuple[str, ...]) -> None:
        outcome = finish(start(folder, arguments, scene.environment), folder, arguments)
        assert outcome.code == 0, outcome.err
        typer.echo(outcome.err)

    if engine == "dask":
        with dask_cluster(scene.site) as address:
            by_engine(scene, f"dask:{address}", run)
    else:
        by_engine(scene, engine, run)
    return [comparable(folder / "b.json")]


if __name__ == "__main__":
    typer.run(main)
