"""Reports as HTML: whole, self-contained, escaped, small, and in the same numbers as the tables."""

import re
from dataclasses import replace

import pytest

from hnetzoo.benchmark.results import EVERY_MODEL, BenchmarkReport, Failed, Skipped
from hnetzoo.report.html.benchmark import render_benchmark
from hnetzoo.report.html.training import render_training
from hnetzoo.report.tables import report_tables
from hnetzoo.training.observer import EpochRecord
from hnetzoo.training.runs import RunRecord
from tests.report.pages import Page, boxes, disagreement
from tests.report.rows import report, row
from tests.source import ROOT

LARGEST = 3e6  # bytes of a page
HOSTILE = '<script>alert("1")</script>'
RESULTS = ROOT / "benchmarks" / "results"


def record(**fields: object) -> RunRecord:
    settings = {"model": {"hidden_size": 8}, "trainer": {"epochs": 2}, "dataset": {"noise": [1.0, 2.0]}}
    known = RunRecord(model="hnetgru", dataset="doa", trainer="hnet", shape=(2, 2), settings=settings)
    return replace(known, **fields)


def epoch(number: int, f1: float, **fields: object) -> EpochRecord:
    known = EpochRecord(
        epoch=number,
        losses={"cell": 1.0 / number},
        validation={"f1": f1, "exact": 0.5, "precision": 0.5, "recall": 0.5, "losses": {"cell": 2.0 / number}},
        seconds={"train": 1.0, "evaluation": 0.5},
        learning_rate=0.001,
        best_epoch=2,
        best_f1=0.75,
        exact_solver_f1=0.4,
    )
    return replace(known, **fields)


def result() -> dict[str, object]:
    return {"best_epoch": 2, "best_f1": 0.75, "test": vars(row("hnetgru", 0.8125))}


def training() -> str:
    return render_training(record(), [epoch(1, 0.25), epoch(2, 0.75), epoch(3, 0.5)], result())


PAGES = {
    "benchmark": lambda: render_benchmark(
        report(row("hungarian"), row("acme")), [disagreement(), boxes()], ["A note."]
    ),
    "training": training,
    "sizes": lambda: render_benchmark(BenchmarkReport.read(RESULTS / "sizes.json")),
    "real": lambda: render_benchmark(BenchmarkReport.read(RESULTS / "real.json")),
    "nothing": lambda: render_benchmark(BenchmarkReport(environment={}, rows=())),
}


@pytest.fixture(scope="module", params=PAGES)
def text(request: pytest.FixtureRequest) -> str:
    return PAGES[request.param]()


def test_a_page_is_one_small_file_that_asks_for_nothing(text: str) -> None:
    page = Page(text)
    assert len(text.encode()) < LARGEST
    assert [value for value in page.attributes("src") + page.attributes("href") if value[:1] not in "#d"] == []
    assert not re.search(r"https?:|@import|url\(", text)
    assert "default-src 'none'" in text


def test_a_page_can_be_read_aloud(text: str) -> None:
    page = Page(text)
    for landmark in ("header", "nav", "main", "h1"):
        assert len(page.texts(landmark)) == 1
    assert len(page.texts("caption")) == len(page.texts("table"))
    assert len(page.texts("title")) - 1 >= len(page.texts("svg", role="img"))
    assert len(page.texts("desc")) == len(page.texts("svg", role="img"))
    assert all({"scope"} <= attrs.keys() for tag, attrs, _ in page.elements if tag == "th")
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    assert {value[1:] for value in page.attributes("href") if value.startswith("#")} <= set(ids)
    named = " ".join(page.attributes("aria-labelledby")).split()
    assert set(named) <= set(ids)


@pytest.mark.parametrize("name", ["reference", "real", "sizes"])
def test_rankings_hold_the_numbers_of_the_tables(name: str) -> None:
    stored = BenchmarkReport.read(RESULTS / f"{name}.json")
    shown = re.sub(r" best| baseline|\s", "", Page(render_benchmark(stored)).texts("main")[0])
    for table in report_tables(stored):
        for cells in table.rows:
            assert "".join("".join(cells).split()) in shown


def test_labels_reasons_and_notes_are_escaped() -> None:
    rows = [row(HOSTILE), row("hungarian"), row("acme", dataset=HOSTILE, weights=f"tuned: {HOSTILE}")]
    skipped = (Skipped(model=HOSTILE, dataset="other", reason=HOSTILE),)
    failed = (Failed(model=HOSTILE, dataset=HOSTILE, seed=0, reason=HOSTILE),)
    problem = disagreement(task=HOSTILE, unit=HOSTILE, answers={HOSTILE: (), "b": ((0, 0),)})
    whole = replace(report(*rows, skipped=skipped, versions={HOSTILE: HOSTILE}, date=HOSTILE), failed=failed)
    trained = render_training(record(model=HOSTILE, settings={"model": {HOSTILE: HOSTILE}}), [epoch(1, 0.5)], result())
    for text in (render_benchmark(whole, [problem], [HOSTILE]), trained):
        assert len(Page(text).texts("script")) == 1
        assert HOSTILE not in text
        assert HOSTILE in "".join(Page(text).texts("main"))


def test_what_is_missing_or_special_is_said_in_words() -> None:
    rows = [row("hungarian"), row("far", outside=("slots", "masks")), row("tuned", weights="tuned: gate=0.3")]
    skipped = (Skipped(model="hnetgru", dataset="doa", reason="n/a (fixed 2 x 2)"),)
    failed = (Failed(model=EVERY_MODEL, dataset="gone", seed=1, reason="no luck"),)
    page = Page(render_benchmark(replace(report(*rows, skipped=skipped), failed=failed)))
    text = " ".join(page.texts("section", id="remarks"))
    for words in (
        "every modelno luckgone (seed 1)",
        "hnetgrun/a (fixed 2 x 2)doa",
        "farmore slots than the weights were trained with; masked slots, which the weights have not seendoa",
        "tunedon validation: gate=0.3doa",
    ):
        assert words in text
    assert "Benchmark of 4 models on 2 tasks" in page.texts("h1")


def test_the_best_of_a_column_is_marked_unless_most_models_share_it() -> None:
    rows = (row("hungarian", 0.5), row("acme", 0.9, microseconds_per_problem=99.0), row("other", 0.7, exact=0.1))
    page = Page(render_benchmark(report(*rows)))
    assert page.texts("td", class_="best")[:1] == ["0.9000 best"]
    ranking = page.texts("section", id="task-1")[0]
    assert "99.0 best" not in ranking
    assert "0.1250 best" not in ranking, "two of three have it"


def test_a_training_page_shows_own_metrics_and_an_early_stop() -> None:
    measured = [(0.25, 0.5), (0.75, 0.0625), (0.5, 0.375)]
    epochs = [
        epoch(number, f1, validation={**epoch(number, f1).validation, "mine": own})
        for number, (f1, own) in enumerate(measured, 1)
    ]
    settings = {"trainer": {"epochs": 9, "patience": 1}}
    page = Page(render_training(record(settings=settings, stopped=3), epochs, result()))
    assert "3 epochs of 9: stopped early, without a better F1 for 1 epoch." in page.texts("p", class_="lead")[0]
    assert len(page.texts("figure")) == 4
    (table,) = (text for text in page.texts("table") if text.startswith("Every epoch"))
    assert "mine" in table
    assert "0.0625" in table
    assert "The trainer's own metrics by epoch" in page.texts("title")


def test_a_page_of_a_fitted_model_has_no_losses_of_training_and_no_rate() -> None:
    page = Page(render_training(record(), [epoch(1, 0.5, losses={}, learning_rate=0.0, best_epoch=1)], result()))
    assert len(page.texts("figure")) == 2
    assert "cell, validation" in page.texts("section", id="curves")[0]


def test_a_problem_is_shown_with_truth_answers_and_verdicts() -> None:
    page = Page(render_benchmark(report(row("hungarian")), [disagreement()]))
    assert page.texts("h3") == ["doa, seed 0, test problem 17"]
    (verdicts,) = page.texts("ul", class_="verdicts")
    assert verdicts == "A good is right B bad misses r1-p1; adds r1-p2, r2-p1"
    (matrix,) = page.texts("table", class_="matrix")
    assert matrix == "Distances [chord] p1p2 r10.1 true A0.9 B r2 (empty)0.8 Bnever"
    assert page.texts("td", class_="true") == ["0.1 true A"]


def test_models_with_doubts_have_a_reliability_diagram_and_sure_ones_do_not() -> None:
    doubts = ({"probability": 0.05, "true": 0.0, "pairs": 90}, {"probability": 0.5, "true": 0.7, "pairs": 10})
    sure = ({"probability": 0.0, "true": 0.0, "pairs": 50}, {"probability": 1.0, "true": 0.9, "pairs": 50})
    page = Page(render_benchmark(report(row("acme", calibration=doubts), row("exact", calibration=sure), row("old"))))
    circles = [attrs for tag, attrs, _ in page.elements if tag == "circle" and attrs.get("class") == "bin"]
    assert len(circles) == 2
    assert float(circles[0]["r"] or 0) > float(circles[1]["r"] or 0), "more pairs"
    assert "acmeerror 0.0650" in page.texts("figcaption"), "0.9 x |0.05 - 0| + 0.1 x |0.5 - 0.7|"


def test_reliability_joins_the_pairs_of_all_seeds() -> None:
    seeds = [row("acme", seed=n, calibration=({"probability": 0.45, "true": n, "pairs": 3 - 2 * n},)) for n in (0, 1)]
    page = Page(render_benchmark(report(*seeds)))
    assert "Probability and share of true pairs. 0.45: 0.25 of 4 pairs." in page.texts("desc")


def test_boxes_are_drawn_with_their_pairs_and_points_without_size_are_not() -> None:
    page = Page(render_benchmark(report(row("hungarian")), [boxes(), disagreement()]))
    assert len(page.texts("rect")) == 4
    assert len(page.texts("line", class_="pair truth")) == 1
    assert len(page.texts("line", class_="pair m1")) == 2
    assert len(page.texts("article")) == 2


def test_a_training_page_shows_result_curves_settings_and_epochs() -> None:
    page = Page(training())
    assert page.texts("h1") == ["hnetgru trained on doa"]
    assert page.texts("dd")[0].startswith("0.8125")
    assert [cell for cell in page.texts("th", scope="row") if "best" in cell] == ["2 best"]
    assert page.texts("ul", class_="legend")[0] == "cell, training cell, validation"
    assert "noise[1.0, 2.0]" in " ".join(page.texts("tr"))
    assert "0.2500" in page.texts("tr")[-3]


def test_a_training_that_has_not_ended_says_so() -> None:
    assert "The training has not ended." in render_training(record(), [epoch(1, 0.5)], {})
    assert "No epoch has been finished." in render_training(record(), [], {})


def test_a_training_below_the_exact_solver_is_marked() -> None:
    page = render_training(record(), [epoch(1, 0.5, best_f1=0.25)], result())
    assert "below the exact solver&#39;s F1 of 0.4000" in page
