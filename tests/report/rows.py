"""Rows and reports with plausible numbers."""

from dataclasses import replace

from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow, Skipped


def row(model: str, f1: float = 0.5, **fields: object) -> BenchmarkRow:
    known = BenchmarkRow(
        model=model,
        dataset="doa",
        split="test",
        seed=0,
        weights="none",
        f1=f1,
        precision=0.25,
        recall=0.75,
        exact=0.125,
        validity=1.0,
        cost_gap=0.0123,
        proven_gap=0.015,
        weighted_f1=0.9,
        f1_one_to_one=0.6,
        delta_f1=f1 - 0.5,
        microseconds_per_problem=12.34,
        parameters=100098,
        problems=40500,
        cells={},
        plugin="tests:tests",
    )
    return replace(known, **fields)


def report(*rows: BenchmarkRow, skipped: tuple[Skipped, ...] = (), **environment: object) -> BenchmarkReport:
    return BenchmarkReport(environment=environment, rows=rows, skipped=skipped, baseline="hungarian")
