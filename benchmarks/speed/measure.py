"""Time several ways to do the same work side by side, and store the result; used by the scripts in this folder."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer

from hnetzoo.files import write_json
from hnetzoo.registry.environment import environment

DONE = object()
RESULTS = Path(__file__).parent.parent / "results"
ENVIRONMENT = environment()  # before a result is written, which makes a clean checkout dirty

Way = Callable[[], Iterator[None]]
Seconds = dict[str, dict[str, float]]
Repeats = Annotated[int, typer.Option(min=1, help="How often each way is measured; the median counts.")]


def compare(ways: Mapping[str, Way], repeats: int) -> Seconds:
    """Return median, lowest and highest seconds of each way over the repeats.

    A way is a generator that yields after each part of its work. The parts of all ways are done in turn, so that all
    of them are affected when the machine is slow for a while.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(1, repeats + 1):
        spent = dict.fromkeys(ways, 0.0)
        running = {name: way() for name, way in ways.items()}
        while running:
            for name, work in list(running.items()):
                start = time.perf_counter()
                if next(work, DONE) is DONE:
                    del running[name]
                spent[name] += time.perf_counter() - start
        for name, total in spent.items():
            seconds[name].append(total)
        told = ", ".join(f"{name} {total:.3g} s" for name, total in spent.items())
        print(f"{repeat}/{repeats}: {told}", flush=True)
    return {name: {"median": median(all_), "lowest": min(all_), "highest": max(all_)} for name, all_ in seconds.items()}


def store(name: str, title: str, what: str, cases: Mapping[str, Seconds]) -> None:
    """Write benchmarks/results/speed-NAME.json.

    Args:
        name: Name of the result.
        title: Title of its table.
        what: Caption of its table, to which the number of threads is added.
        cases: Seconds of the ways of each case; the others are compared with the last way.
    """
    threads = torch.get_num_threads()
    document: dict[str, Any] = {
        "title": title,
        "what": f"{what} {threads} thread{'s' * (threads > 1)}.",
        "cases": cases,
        "environment": {**ENVIRONMENT, "threads": threads},
    }
    write_json(RESULTS / f"speed-{name}.json", document)
