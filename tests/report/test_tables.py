"""Reports as Markdown and on the terminal."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from hnetzoo.benchmark.results import EVERY_MODEL, Failed, Skipped
from hnetzoo.report.markdown import render_markdown, render_table
from hnetzoo.report.tables import MOST_COUNTS, MOST_GROUPS, Table, overview_table, report_tables
from hnetzoo.report.terminal import TerminalTable, terminal_tables
from tests.report.rows import report, row

COLUMNS = (
    "model", "F1", "weighted F1", "precision", "recall", "exact", "valid", "F1 1-to-1", "cost gap", "proven gap",
    "vs scipy", "us/problem", "parameters",
)  # fmt: skip


def column(table: Table, name: str) -> list[str]:
    index = table.columns.index(name)
    return [cells[index] for cells in table.rows]


def drawn(*tables: Table, width: int = 200) -> str:
    console = Console(file=StringIO(), width=width, highlight=False)
    for table in tables:
        console.print(TerminalTable(table), crop=False)
    return console.file.getvalue()


def test_the_baseline_stays_on_top_and_the_others_are_ranked_by_f1() -> None:
    rows = (row("hungarian", 0.5), row("worst", 0.1), row("best", 0.9), row("middle", 0.4))
    (table,) = report_tables(report(*rows))
    assert table.columns == COLUMNS
    assert column(table, "model") == ["hungarian", "best", "middle", "worst"]
    assert column(table, "F1") == ["0.5000", "0.9000", "0.4000", "0.1000"]
    assert column(table, "vs scipy") == ["+0.0000", "+0.4000", "-0.1000", "-0.4000"]


def test_without_a_baseline_all_are_ranked() -> None:
    (table,) = report_tables(replace(report(row("worst", 0.1), row("best", 0.9)), baseline=""))
    assert column(table, "model") == ["best", "worst"]


def test_numbers_are_rounded_with_units() -> None:
    (table,) = report_tables(report(row("hungarian")))
    assert table.rows == (
        ("hungarian", "0.5000", "0.9000", "0.2500", "0.7500", "0.1250", "1.0000", "0.6000", "1.23%", "1.50%",
         "+0.0000", "12.3", "100,098"),
    )  # fmt: skip
    assert table.title == "doa"
    assert (
        table.caption
        == "40,500 test problems, seed 0. Ratios are 1 where nothing was to be found and nothing was found."
    )


def test_seeds_are_averaged_with_their_standard_deviation() -> None:
    rows = [row("hungarian", 0.5, seed=seed) for seed in (0, 1, 2)]
    rows += [row("acme", f1, seed=seed, weighted_f1=None) for seed, f1 in enumerate((0.6, 0.7, 0.95))]
    rows += [row("steady", 0.72, seed=seed, weighted_f1=weighted) for seed, weighted in enumerate((None, 0.8, 0.9))]
    (table,) = report_tables(report(*rows))
    assert column(table, "model") == ["hungarian", "acme", "steady"]
    assert column(table, "F1") == ["0.5000 ± 0.0000", "0.7500 ± 0.1803", "0.7200 ± 0.0000"]
    assert column(table, "weighted F1") == ["0.9000", "-", "0.8500"]
    assert "seed 0, 1, 2." in table.caption
    assert "Means over seeds, ± standard deviation." in table.caption


def test_an_undefined_number_is_a_dash() -> None:
    (table,) = report_tables(report(row("hungarian", weighted_f1=None)))
    assert column(table, "weighted F1") == ["-"]
    assert "| hungarian | 0.5000 | - |" in render_table(table)


def test_a_skipped_model_is_last_with_its_reason() -> None:
    skipped = Skipped(model="hnetgru", dataset="doa", reason="n/a (fixed 2 x 2)")
    elsewhere = Skipped(model="other", dataset="wide", reason="n/a (fixed 3 x 3)")
    table = report_tables(report(row("hungarian"), row("acme"), skipped=(skipped, elsewhere)))[0]
    assert column(table, "model") == ["hungarian", "acme", "hnetgru"]
    assert table.rows[-1] == ("hnetgru", "n/a (fixed 2 x 2)", *[""] * (len(COLUMNS) - 2))
    assert {len(cells) for cells in table.rows} == {len(COLUMNS)}
    for text in (render_markdown(report(row("hungarian"), skipped=(skipped,))), drawn(table)):
        assert "n/a (fixed 2 x 2)" in text


def test_a_dataset_that_every_model_skipped_has_a_table() -> None:
    skipped = Skipped(model="hnetgru", dataset="wide", reason="n/a (fixed 2 x 2)")
    assert "n/a (fixed 2 x 2)" in render_markdown(report(row("hungarian"), skipped=(skipped,)))


def test_every_dataset_has_its_table_in_the_order_of_the_report() -> None:
    rows = (row("hungarian", dataset="b"), row("acme", dataset="a"), row("acme", dataset="b"))
    tables = report_tables(report(*rows))
    assert [table.title for table in tables] == ["b", "a"]
    assert [column(table, "model") for table in tables] == [["hungarian", "acme"], ["acme"]]


def test_breakdowns_show_exact_shares_and_problems_per_group() -> None:
    cells = {"1x2": {"exact": 0.5, "f1": 1.0, "problems": 1000}, "0x1": {"exact": 0.25, "f1": 1.0, "problems": 24}}
    layouts = {name: {"exact": 1.0, "f1": 1.0, "problems": 2} for name in ("01x11", "10x11")}
    rows = [row("hungarian", seed=seed, cells=cells, layouts=layouts) for seed in (0, 1)]
    _, by_counts, by_layout = report_tables(report(*rows, row("acme", layouts=layouts)))
    assert (by_counts.title, by_layout.title) == ("doa, by counts", "doa, by slot layout")
    assert by_counts.columns == ("model", "0x1", "1x2")
    assert by_counts.rows == (("hungarian", "0.250", "0.500"), ("acme", "-", "-"), ("problems", "48", "2,000"))
    assert by_layout.columns == ("model", "01x11", "10x11")


@pytest.mark.parametrize("groups", [0, 1, MOST_GROUPS + 1])
def test_one_group_or_too_many_have_no_table(groups: int) -> None:
    layouts = {f"{n}x1": {"exact": 1.0, "f1": 1.0, "problems": 1} for n in range(groups)}
    assert len(report_tables(report(row("hungarian", layouts=layouts)))) == 1


def test_counts_are_ordered_by_their_numbers() -> None:
    cells = {f"{n}x{n}": {"exact": 0.5, "f1": 1.0, "problems": 1} for n in (16, 2, 10, 1)}
    _, by_counts = report_tables(report(row("hungarian", cells=cells)))
    assert by_counts.columns == ("model", "1x1", "2x2", "10x10", "16x16")


def test_many_different_counts_are_joined_by_size() -> None:
    cells = {f"{n}x{m}": {"exact": 1 / (1 + m), "f1": 1.0, "problems": n + 1} for n in range(40) for m in range(7)}
    _, by_size = report_tables(report(row("hungarian", cells=cells)))
    assert by_size.title == "doa, by size"
    assert by_size.columns == ("model", "0", "1", "2", "3-4", "5-8")
    for place, sizes in enumerate(([0], [1], [2], [3, 4], [5, 6, 7, 8]), start=1):
        inside = [(n + 1, 1 / (1 + m)) for n in range(40) for m in range(7) if min(n, m) in sizes]
        problems = sum(count for count, _ in inside)
        assert by_size.rows[0][place] == f"{sum(count * exact for count, exact in inside) / problems:.3f}"
        assert by_size.rows[1][place] == f"{problems:,}"


def test_nine_different_counts_are_not_joined() -> None:
    cells = {f"{n}x{m}": {"exact": 0.5, "f1": 1.0, "problems": 1} for n in range(3) for m in range(3)}
    assert len(cells) == MOST_COUNTS
    assert report_tables(report(row("hungarian", cells=cells)))[1].title == "doa, by counts"


def test_failures_are_listed_by_seed_with_their_reason() -> None:
    failed = tuple(Failed(model="acme", dataset="doa", seed=seed, reason="RuntimeError: no luck") for seed in (0, 2))
    failed += (Failed(model="gone", dataset="doa", seed=1, reason="MemoryError"),)
    found = replace(report(row("hungarian"), row("acme", seed=1)), failed=failed)
    (table,) = report_tables(found)
    assert column(table, "model") == ["hungarian", "acme", "gone"]
    assert table.rows[-1][:2] == ("gone", "failed")
    assert table.caption.endswith("Failed: acme, seed 0, 2: RuntimeError: no luck Failed: gone, seed 1: MemoryError")
    for text in (render_markdown(found), " ".join(drawn(table).split())):
        assert "acme, seed 0, 2: RuntimeError: no luck" in text


def test_a_task_that_could_not_be_loaded_failed_for_every_model() -> None:
    failed = (Failed(model=EVERY_MODEL, dataset="bad", seed=0, reason="no such file"),)
    found = replace(report(row("hungarian")), failed=failed)
    _, table = report_tables(found)
    assert (table.title, table.rows[0][:2]) == ("bad", ("every model", "failed"))
    assert "Failed: every model, seed 0: no such file" in table.caption
    assert overview_table(found, "exact").rows == (("hungarian", "0.1250", "failed"),)


def test_a_task_on_which_all_failed_has_a_table() -> None:
    failed = (Failed(model="acme", dataset="doa", seed=0, reason="MemoryError"),)
    (table,) = report_tables(replace(report(), failed=failed))
    assert table.rows[0][:2] == ("acme", "failed")
    assert table.caption == "No results. Failed: acme, seed 0: MemoryError"


def test_the_caption_names_the_settings_and_what_was_tuned() -> None:
    tasks = {"doa": {"dataset": "doa", "settings": {"max_doas": 3, "counts": "known"}, "sha256": {}, "problems": 1}}
    rows = [row("a", seed=0, weights="tuned: gate=0.4"), row("a", seed=1, weights="tuned: gate=0.5"), row("b")]
    rows += [row("c", f1=0.1, weights="pretrained:default, tuned: gate=1")]
    (table,) = report_tables(replace(report(*rows), tasks=tasks))
    assert table.caption.startswith('doa with max_doas = 3, counts = "known". 40,500 test problems, seed 0, 1.')
    assert table.caption.endswith("Tuned on validation: a (gate=0.4 / gate=0.5), c (gate=1).")


def test_tasks_are_in_the_order_of_the_suite() -> None:
    tasks = {label: {"dataset": label, "settings": {}, "sha256": {}, "problems": 1} for label in ("c", "a", "b")}
    skipped = Skipped(model="acme", dataset="c", reason="n/a (fixed 2 x 2)")
    found = replace(report(row("acme", dataset="b"), row("acme", dataset="a"), skipped=(skipped,)), tasks=tasks)
    assert [table.title for table in report_tables(found)] == ["c", "a", "b"]


def test_an_overview_has_one_metric_of_all_models_on_the_tasks_that_match() -> None:
    rows = [
        row("greedy", dataset=task, seed=seed, exact=exact)
        for task, exact in (("big-2", 0.5), ("big-4", 0.25), ("small", 0.0))
        for seed in (0, 1)
    ]
    made = report(*rows, row("hungarian", dataset="big-4", exact=1.0))
    made = replace(
        made,
        skipped=(Skipped(model="hnetgru", dataset="big-4", reason="n/a (fixed 2 x 2)"),),
        failed=(Failed(model="broken", dataset="big-2", seed=0, reason="no"),),
    )
    table = overview_table(made, "exact", "big-*")
    assert table.columns == ("model", "big-2", "big-4")
    assert table.rows[0] == ("hungarian", "-", "1.0000")
    assert set(table.rows[1:]) == {
        ("greedy", "0.5000 ± 0.0000", "0.2500 ± 0.0000"),
        ("hnetgru", "-", "n/a (fixed 2 x 2)"),
        ("broken", "failed", "-"),
    }


def test_an_empty_report_has_no_table() -> None:
    assert report_tables(report()) == []
    assert list(terminal_tables(report())) == []


def test_markdown_is_a_table_with_caption_and_versions() -> None:
    text = render_markdown(
        report(row("hungarian"), row("acme"), versions={"hnetzoo": "0.1.0", "torch": "2.10"}, cores=2, system="Linux")
    )
    lines = text.splitlines()
    assert lines[0] == "### doa"
    assert lines[2] == f"| {' | '.join(COLUMNS)} |"
    assert lines[3] == f"| :-- |{' --: |' * (len(COLUMNS) - 1)}"
    assert {line.count("|") for line in lines if line.startswith("|")} == {len(COLUMNS) + 1}
    assert lines[-1] == "Made with hnetzoo 0.1.0, torch 2.10 on 2 cores, Linux."
    assert text.endswith(".\n")


def test_markdown_names_commit_and_date_where_they_are_known() -> None:
    known = {"versions": {"torch": "2.10"}, "cores": 2, "system": "Linux", "date": "2030-01-02T03:04:05+00:00"}
    text = render_markdown(report(row("hungarian"), **known, commit="abc"))
    assert text.splitlines()[-1] == "Made with torch 2.10 at commit abc on 2 cores, Linux, 2030-01-02T03:04:05+00:00."
    assert "commit" not in render_markdown(report(row("hungarian"), **known, commit=None))


def test_a_bar_in_a_label_does_not_break_the_markdown_table() -> None:
    text = render_markdown(report(row("hungarian"), row("a|b")))
    assert "| a\\|b |" in text


def test_rows_outside_what_the_weights_were_trained_on_are_marked_and_explained() -> None:
    inside, beyond = row("hungarian"), row("net", outside=("slots", "truth"))
    table = report_tables(report(inside, beyond))[0]
    assert [cells[0] for cells in table.rows] == ["hungarian", "net†"]
    assert "† Outside what the weights are for" in table.caption
    overview = overview_table(report(inside, beyond), "F1")
    assert column(overview, "doa") == ["0.5000", "0.5000†"]
    assert "† Outside" in overview.caption
    assert "†" not in report_tables(report(inside))[0].caption
