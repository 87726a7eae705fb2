"""Time ways of doing the same thing side by side, and store the result."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from hnetzoo.results import environment

RESULTS = Path(__file__).parent.parent / "results"


def compare(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, dict[str, float]]:
    """Call each way `repeats` times in turn, so that a slow spell of the machine hits all; return seconds."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
            print(f"{name}: {seconds[name][-1]:.2f} s", flush=True)
    return {name: {"median": median(all_), "lowest": min(all_), "highest": max(all_)} for name, all_ in seconds.items()}


def store(name: str, title: str, what: str, ways: Mapping[str, Mapping[str, float]]) -> None:
    """Write benchmarks/results/speed-NAME.json; the ratio is that of the first way to the last."""
    slow, *_, fast = ways.values()
    ratio = slow["median"] / fast["median"]
    document: dict[str, Any] = {
        "title": title,
        "what": what,
        "ways": ways,
        "ratio": ratio,
        "environment": environment(),
    }
    (RESULTS / f"speed-{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    print(f"ratio {ratio:.1f}")
