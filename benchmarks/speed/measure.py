"""Time ways of doing the same thing side by side, and store the result."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from hnetzoo.environment import environment

DONE = object()
RESULTS = Path(__file__).parent.parent / "results"


def compare(ways: Mapping[str, Callable[[], Iterator[None]]], repeats: int) -> dict[str, dict[str, float]]:
    """Time ways side by side.

    A way is a generator that yields after each piece of its work. Pieces of all ways are done in turn, so that a slow
    spell of the machine hits all of them.

    Returns:
        Median, lowest and highest seconds of each way over the repeats.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
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
            print(f"{name}: {total:.2f} s", flush=True)
    return {name: {"median": median(all_), "lowest": min(all_), "highest": max(all_)} for name, all_ in seconds.items()}


def store(name: str, title: str, what: str, ways: Mapping[str, Mapping[str, float]]) -> None:
    """Write benchmarks/results/speed-NAME.json; the last way is the one that the others are held against."""
    document: dict[str, Any] = {
        "title": title,
        "what": what,
        "ways": ways,
        "environment": environment(),
    }
    (RESULTS / f"speed-{name}.json").write_text(json.dumps(document, indent=2) + "\n")
