"""Running some models of a stored suite anew keeps the other rows and all times, and refuses other problems."""

from dataclasses import replace

import pytest

from benchmarks.redo import merged
from hnetzoo.benchmark.results import BenchmarkReport, Failed
from hnetzoo.errors import DataError
from tests.report.rows import row

ROW = row("a", dataset="d", microseconds_per_problem=1.0, parameters=3)
TASKS = {"d": {"sha256": {"0": "x"}}}
MACHINE = {"date": "2026-01-01", "commit": "c1", "processor": "p", "threads": 1}
STORED = BenchmarkReport(environment={"commit": "c0"}, rows=(ROW, replace(ROW, model="b")), tasks=TASKS)
NEW = BenchmarkReport(
    environment=MACHINE, rows=(replace(ROW, model="b", f1=0.75, microseconds_per_problem=9.0),), tasks=TASKS
)


def test_scores_of_the_models_are_new_and_times_and_other_rows_are_kept() -> None:
    report = merged(STORED, NEW)
    assert report.rows == (ROW, replace(ROW, model="b", f1=0.75))
    assert report.environment == {"commit": "c0", "redone": [{**MACHINE, "models": ["b"]}]}


def test_a_second_time_is_told_beside_the_first() -> None:
    assert [entry["models"] for entry in merged(merged(STORED, NEW), NEW).environment["redone"]] == [["b"], ["b"]]


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (replace(NEW, tasks={"d": {"sha256": {"0": "y"}}}), "d: other problems"),
        (replace(NEW, rows=(replace(ROW, model="c"),)), "no stored row of"),
        (replace(NEW, rows=(replace(ROW, parameters=4),)), "a has 4 parameters, had 3"),
        (replace(NEW, failed=(Failed(model="b", dataset="d", seed=0, reason="died"),)), "b on d: died"),
    ],
    ids=["problems", "model", "parameters", "failed"],
)
def test_what_cannot_stand_beside_the_stored_rows_is_refused(new: BenchmarkReport, words: str) -> None:
    with pytest.raises(DataError, match=words):
        merged(STORED, new)
