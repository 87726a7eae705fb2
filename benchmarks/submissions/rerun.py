"""Run a submission again, and tell what comes out differently."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.submissions.document import Document, Row
from benchmarks.submissions.stored import ROOT
from hnetzoo.benchmark.jobs import Options, Outcome
from hnetzoo.benchmark.outcomes import unpack_outcomes
from hnetzoo.benchmark.results import BenchmarkReport, BenchmarkRow
from hnetzoo.benchmark.run import run_benchmark
from hnetzoo.benchmark.suite import read_suite, with_models
from hnetzoo.cli.output import note
from hnetzoo.registry.lookup import Registry

MOST_DIFFERING = 1e-3  # share of problems; processors round differently


def rerun(document: Document, registry: Registry, options: Options, root: Path = ROOT) -> BenchmarkReport:
    """Return the report of the models of a submission, run here.

    Raises:
        HnetzooError: If its plugin is not installed, or a file of the suite is missing.
    """
    suite = with_models(read_suite(root / "suites" / f"{document.suite}.toml"), list(document.submitted), registry)
    return run_benchmark(suite, registry, options=options, on_result=_tell)


def differences(document: Document, report: BenchmarkReport) -> Iterator[str]:
    """Yield what a run again has shown to be otherwise than submitted."""
    for title, model in document.submitted.items():
        found, known = report.models[title], document.environment.plugins.get(model.plugin)
        here = report.environment["plugins"].get(found["plugin"], {}).get("version")
        if known is not None and here != known.version:
            yield f"{title}: version {known.version} was submitted, and {here} is installed"
        if model.weights and found["weights"]["sha256"] != model.weights.sha256:
            yield f"{title}: other weights are installed than were submitted"
    rows = {(row.model, row.dataset, row.seed): row for row in report.rows}
    for row in document.rows:
        yield from _row(row, rows.get((row.model, row.dataset, row.seed)))


def _row(submitted: Row, found: BenchmarkRow | None) -> Iterator[str]:
    where = f"{submitted.model} on {submitted.dataset}, seed {submitted.seed}"
    if found is None:
        yield f"{where}: there is no row now"
        return
    before, now = unpack_outcomes(submitted.outcomes), unpack_outcomes(found.outcomes)
    if len(before) != len(now):
        yield f"{where}: {len(now):,} problems instead of {len(before):,}"
    elif (share := float(np.mean((before != now).any(1)))) > MOST_DIFFERING:
        yield f"{where}: F1 {found.f1:.4f} instead of {submitted.f1:.4f}; {share:.1%} of the problems end otherwise"


def _tell(outcome: Outcome) -> None:
    note(f"{outcome.result.dataset}, seed {outcome.job.seed}: {outcome.result.model}")
