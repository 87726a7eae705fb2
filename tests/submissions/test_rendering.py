"""Submissions stand beside our rows, marked and without times, and change nothing of ours."""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.submissions.beside import with_submissions
from hnetzoo.association.counts import Outcomes
from hnetzoo.benchmark.outcomes import pack_outcomes
from hnetzoo.benchmark.results import BenchmarkReport, Submitted
from hnetzoo.files import write_json
from hnetzoo.report.html.benchmark import render_benchmark
from hnetzoo.report.latex import render_latex
from hnetzoo.report.markdown import render_markdown
from hnetzoo.report.noise import LEVEL
from hnetzoo.report.tables import overview_table, report_tables
from tests.report.rows import report, row

RENDER = Path(__file__).parents[2] / "benchmarks" / "render.py"


@pytest.fixture
def ours(root: Path) -> BenchmarkReport:
    return BenchmarkReport.read(root / "results" / "tiny.json")


@pytest.fixture
def joined(root: Path, document: dict[str, Any], ours: BenchmarkReport) -> BenchmarkReport:
    """Return our report with the submission."""
    write_json(root / "results" / "submitted" / "acme.json", document)
    return with_submissions(ours, "tiny", root)


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def submitted(text: str) -> Iterator[str]:
    return (line for line in lines(text) if line.startswith("| acme-gate"))


def test_our_rows_are_as_they_were(ours: BenchmarkReport, joined: BenchmarkReport) -> None:
    before, after = lines(render_markdown(ours)), lines(render_markdown(joined))
    assert [line for line in after if not line.startswith("| acme-gate‡")] == before
    assert len(after) > len(before)
    assert joined.rows[: len(ours.rows)] == ours.rows


def test_rankings_and_breakdowns_mark_a_submission_and_leave_out_its_time(joined: BenchmarkReport) -> None:
    ranked, *breakdowns = submitted(render_markdown(joined))
    assert re.match(r"\| acme-gate‡ \| \d\.\d{4} ± ", ranked)
    assert ranked.endswith(" | - | 1 |")
    assert breakdowns[0].startswith("| acme-gate‡ | ")
    assert any(line.startswith("| acme-gate‡ | failed |") for line in breakdowns)


def test_the_note_names_plugin_version_and_training_and_gives_a_paired_interval(joined: BenchmarkReport) -> None:
    (first, *_, last) = [table for table in report_tables(joined) if table.title in ("doa", "doa-3")]
    whose = "‡ Submitted, run by others on another machine, so without times: acme-gate (acme-gate 1.2, trained on doa"
    assert f"{whose} with seed 7)." in first.caption
    assert re.search(r"acme-gate‡ minus hungarian: F1 [+-]0\.\d{4} \[[+-]\d\.\d{4}, [+-]\d\.\d{4}\]\.", first.caption)
    assert whose in last.caption
    assert "minus" not in last.caption, "it has no row there"


def test_no_text_of_a_submission_is_shown_beside_its_names(joined: BenchmarkReport) -> None:
    for text in (render_markdown(joined), render_benchmark(joined), render_latex(report_tables(joined))):
        assert "no luck" not in text
        assert "see its document" in text


def test_pages_and_papers_mark_it_too(joined: BenchmarkReport) -> None:
    page = render_benchmark(joined)
    assert '<th scope="row">acme-gate‡</th>' in page
    assert '<span class="tag submitted">submitted</span>' in page
    assert "acme-gate 1.2, trained on doa with seed 7, run by others" in page
    assert r"acme-gate$\ddagger$ & " in render_latex(report_tables(joined))
    overview = overview_table(joined, "F1")
    assert next(cells for cells in overview.rows if cells[0] == "acme-gate‡")[2] == "failed"
    assert "‡ Submitted" in overview.caption


def test_tables_of_documents_have_it(root: Path, joined: BenchmarkReport, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("render", RENDER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", root / "results")
    text = module.rendered("<!-- table tiny.json doa -->\n<!-- end -->")
    assert len(list(submitted(text))) == 1
    assert len(list(submitted(module.rendered("<!-- table tiny.json F1 of doa* -->\n<!-- end -->")))) == 1


def test_it_is_shown_with_its_own_suite_alone(root: Path, joined: BenchmarkReport, ours: BenchmarkReport) -> None:
    assert joined.submitted
    assert with_submissions(ours, "reference", root) == ours


def test_a_submission_does_not_take_the_marks_of_our_models_that_are_level() -> None:
    one, none = torch.ones(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
    kept = pack_outcomes(Outcomes(one, one, none, none.bool(), one.bool()))
    both = [row(name, f1, outcomes=kept, problems=2) for name, f1 in (("hungarian", 0.5), ("b", 0.5))]
    mine = report(*both)
    theirs = replace(report(*both, row("acme‡", 0.9)), submitted={"acme‡": Submitted(by="acme 1.0")})
    assert [line for line in lines(render_markdown(mine)) if LEVEL in line]
    assert set(lines(render_markdown(mine))) < set(lines(render_markdown(theirs)))


def test_a_stored_document_says_nothing_of_submissions() -> None:
    assert "submitted" not in replace(report(), submitted={"acme‡": Submitted(by="acme 1.0")}).to_json()
