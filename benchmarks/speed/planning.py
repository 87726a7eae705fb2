"""Measure what a benchmark costs beside its computations: planning, claims and rows in the shared folder, messages.

    python benchmarks/speed/planning.py

Every number is of new processes. A cluster is simulated by processes of this machine that work through the same cells as
many commands on one folder would: they claim a cell, store a row and end the claim, and compute nothing.
"""

import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from measure import ENVIRONMENT, RESULTS

import hnetzoo
from hnetzoo.benchmark.cache import RowCache
from hnetzoo.benchmark.jobs import JobRunner, Options
from hnetzoo.benchmark.plan import Job, plan
from hnetzoo.benchmark.receipts import Receipt
from hnetzoo.benchmark.results import BenchmarkRow
from hnetzoo.benchmark.suite import Entry, ModelEntry, Suite
from hnetzoo.engines.claims import Claims
from hnetzoo.files import write_json

SUITES = {  # models, datasets and seeds
    "100 solvers, 100 datasets, 10 seeds": ("hungarian-gated", 100, 100, 10),
    "1,000 solvers, 100 datasets, 1 seed": ("hungarian-gated", 1000, 100, 1),
    "100 networks with weights, 100 datasets, 10 seeds": ("exchangeable", 100, 100, 10),
}
PROCESSES = (1, 2, 4, 8)
CELLS = 2000
PROBLEMS = (100, 1000, 10_000)
MIB = 1 << 20


@dataclass(frozen=True)
class Planned:
    """What planning took: jobs, time [s], the peak of the process's memory, and how much of that came with it [MiB]."""

    jobs: int
    seconds: float
    peak_mib: float
    added_mib: float


def suite_of(model: str, models: int, datasets: int, seeds: int) -> Suite:
    """Return a suite of one model with many labels, and of many small datasets."""
    return Suite(
        models=tuple(ModelEntry(name=model, label=f"model {number}") for number in range(models)),
        datasets=tuple(
            Entry(name="doa", label=f"doa {number}", settings={"samples": 100 + number}) for number in range(datasets)
        ),
        seeds=tuple(range(seeds)),
    )


def peak_mib() -> float:
    """Return the largest memory of this process so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def planned(name: str) -> Planned:
    """Plan a suite in this process."""
    registry, before, began = hnetzoo.discover(), peak_mib(), time.perf_counter()
    found = plan(suite_of(*SUITES[name]), registry)
    return Planned(len(found.jobs), time.perf_counter() - began, peak_mib(), peak_mib() - before)


def job_of(samples: int) -> Job:
    """Return a job on so many problems."""
    dataset = Entry(name="doa", settings={"samples": samples})
    return plan(Suite(models=("hungarian",), datasets=(dataset,)), hnetzoo.discover()).jobs[0]


def claim_cells(folder: Path, row: BenchmarkRow) -> int:
    """Work through all cells as one of many commands, and return how many it has stored."""
    cache, claims, stored = RowCache(folder / "rows"), Claims(folder / "claims"), 0
    for key in map(str, range(CELLS)):
        if cache.read(key) is None:
            with claims.claim(key) as other:
                if not other and cache.read(key) is None:
                    cache.write(key, row)
                    stored += 1
    return stored


def in_process(what: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a part of this script in a new process."""
    return subprocess.Popen([sys.executable, __file__, what, *arguments], stdout=subprocess.PIPE)


def result(process: subprocess.Popen[bytes]) -> Any:
    """Return what a part of this script has found."""
    output, _ = process.communicate()
    if process.returncode:
        raise typer.Exit(process.returncode)
    return pickle.loads(output)


def clusters(row: BenchmarkRow) -> Iterator[dict[str, Any]]:
    """Yield how fast simulated clusters of some sizes work through the cells."""
    for count in PROCESSES:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "row").write_bytes(pickle.dumps(row))
            started = [in_process("claim", folder) for _ in range(count)]
            parts = [result(process) for process in started]
        seconds = max(end for _, _, end in parts) - min(begin for _, begin, _ in parts)
        stored = [number for number, _, _ in parts]
        found = {"processes": count, "seconds": seconds, "per_second": CELLS / seconds, "stored": sum(stored)}
        print(found, flush=True)
        yield found


def sizes() -> Iterator[dict[str, Any]]:
    """Yield how many bytes rows take by the number of their test problems."""
    for samples in PROBLEMS:
        with tempfile.TemporaryDirectory() as folder:
            outcome = JobRunner(Options(cache=Path(folder) / "rows")).run(job_of(samples))
            (path,) = (Path(folder) / "rows").iterdir()
            yield {"problems": outcome.problems, "bytes": path.stat().st_size}


def main(
    part: str = typer.Argument("", hidden=True),
    argument: str = typer.Argument("", hidden=True),
) -> None:
    """Measure all, and store the result; parts of it run in processes of their own."""
    if part == "plan":
        sys.stdout.buffer.write(pickle.dumps(vars(planned(argument))))
        return
    if part == "claim":
        row, began = pickle.loads((Path(argument) / "row").read_bytes()), time.time()
        sys.stdout.buffer.write(pickle.dumps((claim_cells(Path(argument), row), began, time.time())))
        return
    plans = {name: result(in_process("plan", name)) for name in SUITES}
    print(plans, flush=True)
    job = job_of(PROBLEMS[1])
    outcome = JobRunner(Options()).run(job)
    assert isinstance(outcome.result, BenchmarkRow), "hungarian takes all problems"
    receipt = Receipt(index=0, key="0" * 65, sha256="0" * 64, problems=outcome.problems)
    document = {
        "plans": plans,
        "clusters": {"cells": CELLS, "found": list(clusters(outcome.result))},
        "rows": list(sizes()),
        "messages": {"job": len(pickle.dumps(job)), "receipt": len(pickle.dumps(receipt))},
        "environment": ENVIRONMENT,
    }
    write_json(RESULTS / "planning.json", document)


if __name__ == "__main__":
    typer.run(main)
