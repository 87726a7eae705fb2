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
    report = merged(STORED, NEW, "ab")
    assert report.rows == (ROW, replace(ROW, model="b", f1=0.75))
    assert report.environment == {"commit": "c0", "redone": [{**MACHINE, "models": ["b"]}]}


def test_a_second_time_is_told_beside_the_first() -> None:
    assert [entry["models"] for entry in merged(merged(STORED, NEW, "ab"), NEW, "ab").environment["redone"]] == [
        ["b"],
        ["b"],
    ]


def test_rows_of_new_models_and_of_models_of_another_size_have_no_time_and_stand_where_the_suite_says() -> None:
    new = replace(NEW, rows=(replace(ROW, model="c"), replace(ROW, model="b", parameters=4)))
    report = merged(STORED, new, "acb")
    assert [(row.model, row.microseconds_per_problem) for row in report.rows] == [("a", 1.0), ("c", 0.0), ("b", 0.0)]


def test_rows_of_models_that_the_suite_does_not_have_any_more_are_left_out() -> None:
    assert [row.model for row in merged(STORED, NEW, "b").rows] == ["b"]


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (replace(NEW, tasks={"d": {"sha256": {"0": "y"}}}), "d: other problems"),
        (replace(NEW, failed=(Failed(model="b", dataset="d", seed=0, reason="died"),)), "b on d: died"),
    ],
    ids=["problems", "failed"],
)
def test_what_cannot_stand_beside_the_stored_rows_is_refused(new: BenchmarkReport, words: str) -> None:
    with pytest.raises(DataError, match=words):
        merged(STORED, new, "ab")
