"""Run directories and benchmark documents with hand-made contents."""

import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow
from hnetzoo.files import write_json, write_record
from hnetzoo.training.runs import RESULT, RunRecord, write_metrics, write_run

RIGHT, WRONG = (1, 0, 0), (0, 1, 1)  # true positives, false positives, false negatives of a problem
ROW = BenchmarkRow(
    model="net", dataset="doa", split="test", seed=0, weights="none", f1=0.5, precision=0.5, recall=0.5, exact=0.25,
    validity=1.0, cost_gap=0.01, weighted_f1=None, f1_one_to_one=0.5, delta_f1=0.0, microseconds_per_problem=2.0,
    parameters=10, problems=40, cells={}, plugin="tests:tests", timing={"device": "cpu"},
)  # fmt: skip
RECORD = RunRecord(
    model="net",
    shape=(2, 2),
    settings={"model": {"hidden_size": 8}, "trainer": {"epochs": 2}, "dataset": {"samples": [1, 2], "path": None}},
    dataset="doa",
    trainer="hnet",
    data={"train": "a" * 64},
    environment={"python": "3.11", "commit": "c" * 40, "versions": {"torch": "2"}, "date": "today"},
)


def outcomes(*problems: tuple[int, int, int], times: int = 1) -> str:
    """Return outcomes as rows keep them, of all problems `times` over."""
    return b64encode(zlib.compress(np.array(problems * times, "<u4").tobytes())).decode()


def row(model: str = "net", text: str = "", **fields: Any) -> BenchmarkRow:
    return replace(ROW, model=model, outcomes=text, **fields)


def document(
    path: Path,
    rows: Sequence[BenchmarkRow],
    sha256: Mapping[str, Mapping[str, str]],
    *,
    environment: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Path:
    """Write a benchmark document, with the digests of problems by task and seed."""
    tasks = {task: {"dataset": "doa", "settings": {}, "sha256": digests} for task, digests in sha256.items()}
    report = BenchmarkReport(environment=environment or {}, rows=tuple(rows), tasks=tasks, **fields)
    write_json(path, report.to_json(outcomes=True))
    return path


def run(
    path: Path,
    tested: BenchmarkRow | None,
    sha256: str = "p",
    *,
    record: RunRecord = RECORD,
    f1: Sequence[float] = (0.25, 0.5),
    own: Sequence[Mapping[str, float]] = (),
) -> Path:
    """Write a run directory with a validation F1 for each epoch, and a trainer's own metrics if any."""
    write_run(path, record)
    best = max(range(len(f1)), key=lambda index: f1[index]) if f1 else 0
    lines = [
        {
            "epoch": number,
            "losses": {"cell": 1 / number},
            "validation": {"f1": value, **(own[number - 1] if own else {})},
            "seconds": {},
            "learning_rate": 0.1,
            "best_epoch": best + 1,
            "best_f1": f1[best],
        }
        for number, value in enumerate(f1, 1)
    ]
    if lines:
        write_metrics(path, lines)
    if tested is not None:
        write_record(path / RESULT, {"best_epoch": best, "best_f1": 0.5, "test": asdict(tested), "sha256": sha256})
    return path
