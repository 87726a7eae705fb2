"""The tables of docs/scale.md, from the results of speed/planning.py and tests/campaign/shared_folder.py."""

from collections.abc import Iterable
from typing import Any

from hnetzoo.report.markdown import render_table
from hnetzoo.report.tables import Table

SCALE = ("planning.json", "shared-folder.json")
NODES = 1000
CELLS = 100_000
SECONDS = (1, 10, 60, 600)  # of the computation of a cell


def scale_table(name: str, part: str, result: dict[str, Any]) -> str:
    """Return a table of a result; `part` names one of planning.json: plans, clusters, bytes or nodes."""
    if name == "shared-folder.json":
        return _shared(result)
    return {"plans": _plans, "clusters": _clusters, "bytes": _bytes, "nodes": _nodes}[part](result)


def _table(title: str, caption: str, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return render_table(Table(title=title, caption=caption, columns=columns, rows=tuple(rows)), "###")


def _machine(result: dict[str, Any]) -> str:
    known = result["environment"]
    return f"{known['processor']}, {known['cores']} cores, commit {known['commit']}."


def _shared(result: dict[str, Any]) -> str:
    rows = [
        (name, *(str(way[key]) for key in ("cells", "lost", "twice")), "yes" if way["equal"] else "no")
        for name, way in result["ways"].items()
    ]
    columns = ("way", "cells", "lost", "computed twice", "report of one process")
    return _table("One process killed midway", _machine(result), columns, rows)


def _plans(result: dict[str, Any]) -> str:
    rows = [
        (name, f"{found['jobs']:,}", f"{found['seconds']:.1f}", f"{found['peak_mib']:.0f}", f"{found['added_mib']:.0f}")
        for name, found in result["plans"].items()
    ]
    columns = ("suite", "cells", "seconds", "peak memory [MiB]", "of these for the plan")
    return _table("Time and memory to plan", _machine(result), columns, rows)


def _clusters(result: dict[str, Any]) -> str:
    rows = [
        (str(found["processes"]), f"{found['cells_per_second']:.0f}", f"{found['claims_per_second']:.0f}")
        for found in result["clusters"]
    ]
    what = f"{result['cells']:,} cells that take no time, stored by commands at once on one folder of this machine. "
    columns = ("processes", "cells stored per second", "claims per second alone")
    return _table("What a folder bears", what + _machine(result), columns, rows)


def _bytes(result: dict[str, Any]) -> str:
    rows = [(f"row of {found['problems']:,} test problems, in a file", str(found["bytes"])) for found in result["rows"]]
    rows += [
        (f"{name}, sent {'to' if name == 'job' else 'by'} a worker", str(size))
        for name, size in result["messages"].items()
    ]
    return _table("Bytes of a cell", "Of hungarian on doa.", ("what", "bytes"), rows)


def _nodes(result: dict[str, Any]) -> str:
    """Return the arithmetic for many nodes, by the slowest measured rate at which a folder takes cells."""
    bears = min(found["cells_per_second"] for found in result["clusters"])
    plan_s = max(found["seconds"] for found in result["plans"].values())
    rows = []
    for seconds in SECONDS:
        wanted = NODES / seconds
        ideal = CELLS / NODES * seconds
        found = plan_s + max(ideal, CELLS / bears)
        busy = min(1.0, bears / wanted)
        rows.append((str(seconds), f"{wanted:,.1f}", f"{found / 60:,.1f}", f"{ideal / 60:,.1f}", f"{busy:.0%}"))
    what = (
        f"{CELLS:,} cells on {NODES:,} workers, by arithmetic: a folder that takes {bears:.0f} cells per second, the "
        "least that was measured."
    )
    columns = ("seconds per cell", "cells per second", "minutes", "without the folder", "workers busy")
    return _table("A thousand nodes", what, columns, rows)
