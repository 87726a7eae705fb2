"""Measure what a benchmark costs beside its computations: planning, claims and rows in the shared folder, messages.

    python benchmarks/speed/planning.py

Every number is of new processes. A cluster is simulated by processes of this machine that work through the same cells
as many commands on one folder would: they claim a cell, store a row and end the claim, and compute nothing.
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
from typing import Annotated, Any

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
    return plan(Suite(models=(ModelEntry(name="hungarian"),), datasets=(dataset,)), hnetzoo.discover()).jobs[0]


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


def claim_own(folder: Path, process: str) -> int:
    """Claim as many cells that nobody else claims, and return how many."""
    claims = Claims(folder / "claims")
    for number in range(CELLS):
        with claims.claim(f"{process}-{number}"):
            pass
    return CELLS


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
    """Yield how fast simulated clusters of some sizes work through the cells, and claim cells of their own."""
    for count in PROCESSES:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "row").write_bytes(pickle.dumps(row))
            cells, seconds = together("cells", folder, count)
            claimed, claim_seconds = together("claims", folder, count)
        rates = {"cells_per_second": CELLS / seconds, "claims_per_second": claimed / claim_seconds}
        found = {"processes": count, "stored": cells, **rates}
        print(found, flush=True)
        yield found


def together(part: str, folder: str, count: int) -> tuple[int, float]:
    """Return what processes at once have done in all, and in which time [s]."""
    started = [in_process(part, folder, str(number)) for number in range(count)]
    parts = [result(process) for process in started]
    return sum(number for number, _, _ in parts), max(end for *_, end in parts) - min(begin for _, begin, _ in parts)


def sizes() -> Iterator[dict[str, Any]]:
    """Yield how many bytes rows take by the number of their test problems."""
    for samples in PROBLEMS:
        with tempfile.TemporaryDirectory() as folder:
            outcome = JobRunner(Options(cache=Path(folder) / "rows")).run(job_of(samples))
            (path,) = (Path(folder) / "rows").iterdir()
            yield {"problems": outcome.problems, "bytes": path.stat().st_size}


def run_part(part: str, argument: str, number: str) -> Any:
    """Return what a part finds, in a process of its own."""
    if part == "plan":
        return vars(planned(argument))
    folder = Path(argument)
    row, began = pickle.loads((folder / "row").read_bytes()), time.time()
    done = claim_cells(folder, row) if part == "cells" else claim_own(folder, number)
    return done, began, time.time()


def main(
    part: Annotated[str, typer.Argument(hidden=True)] = "",
    argument: Annotated[str, typer.Argument(hidden=True)] = "",
    number: Annotated[str, typer.Argument(hidden=True)] = "",
) -> None:
    """Measure all, and store the result; parts of it run in processes of their own."""
    if part:
        sys.stdout.buffer.write(pickle.dumps(run_part(part, argument, number)))
        return
    plans = {name: result(in_process("plan", name)) for name in SUITES}
    print(plans, flush=True)
    job = job_of(PROBLEMS[1])
    outcome = JobRunner(Options()).run(job)
    assert isinstance(outcome.result, BenchmarkRow), "hungarian takes all problems"
    receipt = Receipt(index=0, key="0" * 65, sha256="0" * 64, problems=outcome.problems)
    document = {
        "plans": plans,
        "cells": CELLS,
        "clusters": list(clusters(outcome.result)),
        "rows": list(sizes()),
        "messages": {"job": len(pickle.dumps(job)), "receipt": len(pickle.dumps(receipt))},
        "environment": ENVIRONMENT,
    }
    write_json(RESULTS / "planning.json", document)


if __name__ == "__main__":
    typer.run(main)
