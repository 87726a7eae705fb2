"""Time ways of doing the same thing side by side, and store the result; what the scripts beside it share."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import torch
import typer

from hnetzoo.environment import environment
from hnetzoo.files import write_json

DONE = object()
RESULTS = Path(__file__).parent.parent / "results"

Way = Callable[[], Iterator[None]]
Seconds = dict[str, dict[str, float]]
Repeats = Annotated[int, typer.Option(min=1, help="How often each way is measured; the median counts.")]


def compare(ways: Mapping[str, Way], repeats: int) -> Seconds:
    """Return median, lowest and highest seconds of each way over the repeats.

    A way is a generator that yields after each piece of its work. Pieces of all ways are done in turn, so that a slow
    spell of the machine hits all of them.
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
        name: Of the result.
        title: Of its table.
        what: Its caption, but for the number of threads.
        cases: By case the seconds of its ways; the last way of a case is the one that the others are held against.
    """
    threads = torch.get_num_threads()
    document: dict[str, Any] = {
        "title": title,
        "what": f"{what} {threads} thread{'s' * (threads > 1)}.",
        "cases": cases,
        "environment": {**environment(), "threads": threads},
    }
    write_json(RESULTS / f"speed-{name}.json", document)
