"""The benchmark document: what it holds, and that it survives being stored."""

import json
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict, replace
from pathlib import Path
from typing import Any

import pytest

from hnetzoo import DataError
from hnetzoo.benchmark.results import SCHEMA, BenchmarkReport, BenchmarkRow, Failed, Skipped

ROW_KEYS = {
    "model", "dataset", "split", "seed", "weights", "f1", "precision", "recall", "exact", "validity", "cost_gap",
    "weighted_f1", "f1_one_to_one", "delta_f1", "microseconds_per_problem", "parameters", "problems", "cells", "plugin",
    "layouts", "timing", "proven_gap", "outside", "calibration",
}  # fmt: skip

ROW = BenchmarkRow(
    model="hnetgru",
    dataset="doa",
    split="test",
    seed=0,
    weights="pretrained:default",
    f1=0.97,
    precision=0.98,
    recall=0.96,
    exact=0.95,
    validity=0.99,
    cost_gap=0.01,
    weighted_f1=None,
    f1_one_to_one=0.975,
    delta_f1=0.1,
    microseconds_per_problem=12.5,
    parameters=100098,
    problems=40500,
    cells={"1x2": {"exact": 0.9, "f1": 0.95, "problems": 100}},
    layouts={"01x11": {"exact": 0.8, "f1": 0.9, "problems": 50}},
    calibration=({"probability": 0.25, "true": 0.5, "pairs": 4},),
    plugin="hnetzoo:hnetgru",
    timing={"device": "cpu", "processor": "8086", "threads": 1, "batch_size": 4096, "jobs": 2},
)
REPORT = BenchmarkReport(
    environment={"cores": 2, "versions": {"hnetzoo": "0.1.0"}},
    rows=(ROW, replace(ROW, model="hungarian", weights="none", weighted_f1=0.7)),
    skipped=(Skipped(model="hnetgru", dataset="wide", reason="n/a (fixed 2 x 2)"),),
    failed=(Failed(model="acme", dataset="doa", seed=1, reason="RuntimeError: no luck"),),
    tasks={"doa": {"dataset": "doa", "settings": {"samples": 3000}, "sha256": {"0": "ab"}, "problems": 300}},
    models={"acme": {"model": "acme", "weights": None}},
    suite="mine",
)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[Any], Path]:
    def store(document: Any) -> Path:
        path = tmp_path / "report.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    return store


def document_without(*places: Any) -> dict[str, Any]:
    """The document of REPORT without what stands at a place, ("rows", 0, "f1") for instance."""
    document = json.loads(json.dumps(REPORT.to_json()))
    holder = document
    for key in places[:-1]:
        holder = holder[key]
    del holder[places[-1]]
    return document


def test_a_stored_report_reads_back_equal(stored: Callable[[Any], Path]) -> None:
    assert BenchmarkReport.read(stored(REPORT.to_json())) == REPORT


def test_an_empty_report_reads_back_equal(stored: Callable[[Any], Path]) -> None:
    report = BenchmarkReport(environment={}, rows=())
    assert BenchmarkReport.read(stored(report.to_json())) == report


def test_the_document_has_the_keys_of_its_schema() -> None:
    document = json.loads(json.dumps(REPORT.to_json()))
    assert list(document) == [
        "schema",
        "environment",
        "rows",
        "skipped",
        "failed",
        "tasks",
        "baseline",
        "models",
        "suite",
    ]
    assert document["schema"] == SCHEMA == 1
    assert {frozenset(row) for row in document["rows"]} == {frozenset(ROW_KEYS)}
    assert document["rows"][0]["weighted_f1"] is None
    assert document["rows"][0]["cells"]["1x2"] == {"exact": 0.9, "f1": 0.95, "problems": 100}
    assert document["skipped"] == [{"model": "hnetgru", "dataset": "wide", "reason": "n/a (fixed 2 x 2)"}]


@pytest.mark.parametrize(
    ("key", "nothing"), [("skipped", ()), ("failed", ()), ("tasks", {}), ("models", {}), ("suite", "")]
)
def test_a_document_of_before_there_was_a_key_is_read(key: str, nothing: Any, stored: Callable[[Any], Path]) -> None:
    assert BenchmarkReport.read(stored(document_without(key))) == replace(REPORT, **{key: nothing})


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "Expecting value"),
        ('{"schema": 1, "rows": [', "Expecting value"),
        ([], ""),
        ({"schema": 2, "environment": {}, "rows": []}, "schema 2, expected 1"),
        (document_without("schema"), "'schema'"),
        (document_without("environment"), "'environment'"),
        (document_without("rows"), "'rows'"),
        (document_without("rows", 0, "f1"), "f1"),
        ({**REPORT.to_json(), "rows": [{**asdict(ROW), "f2": 1.0}]}, "f2"),
        ({**REPORT.to_json(), "rows": [None]}, ""),
        ({**REPORT.to_json(), "rows": None}, ""),
        (document_without("skipped", 0, "reason"), "reason"),
        (document_without("failed", 0, "seed"), "seed"),
    ],
)
def test_a_damaged_document_is_named_with_the_reason(document: Any, reason: str, stored: Callable[[Any], Path]) -> None:
    path = stored(document)
    shape = (
        rf"^'{re.escape(str(path))}' is not a benchmark document \(.*{re.escape(reason)}.*\); write one with 'hnetzoo"
    )
    with pytest.raises(DataError, match=shape) as caught:
        BenchmarkReport.read(path)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("change", [{"f1": "high"}, {"f1": None}, {"cells": None}, {"model": 3}])
def test_a_row_with_values_of_another_type_is_damaged(change: dict[str, Any], stored: Callable[[Any], Path]) -> None:
    with pytest.raises(DataError, match="is not a benchmark document"):
        BenchmarkReport.read(stored({**REPORT.to_json(), "rows": [{**asdict(ROW), **change}]}))


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json' is not a benchmark document \(.*No such file"):
        BenchmarkReport.read(tmp_path / "absent.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"binary\.json' is not a benchmark document \(.*can't decode"):
        BenchmarkReport.read(tmp_path / "binary.json")


def test_rows_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'f1'"):
        ROW.f1 = 1.0
