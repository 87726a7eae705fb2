"""The tables of a comparison: what differs, curves, rows side by side, and paired differences."""

from dataclasses import replace
from pathlib import Path

from hnetzoo.benchmark.results import Failed, Skipped
from hnetzoo.report.comparison import compare
from hnetzoo.report.comparison_tables import comparison_tables
from hnetzoo.report.sources import read_sources
from hnetzoo.report.tables import BEYOND_CAPTION, Table
from tests.report.places import RECORD, RIGHT, WRONG, document, outcomes, row, run

ALL, HALF = outcomes(RIGHT, RIGHT, times=20), outcomes(RIGHT, WRONG, times=20)


def tables(*paths: Path) -> dict[str, Table]:
    found = comparison_tables(compare(read_sources(list(map(str, paths)))))
    assert len({table.title for table in found}) == len(found)
    assert all(len(cells) == len(table.columns) for table in found for cells in table.rows)
    return {table.title: table for table in found}


def test_runs_have_all_tables_in_order(tmp_path: Path) -> None:
    found = tables(run(tmp_path / "r1", row(text=ALL)), run(tmp_path / "r2", row(text=HALF)))
    assert list(found) == [
        "Settings that differ",
        "Versions and machine that differ",
        "Test problems",
        "Training",
        "doa",
        "doa, paired differences in F1",
    ]


def test_settings_are_shown_where_they_differ_or_one_run_has_none(tmp_path: Path) -> None:
    settings = {**RECORD.settings, "model": {"heads": 4}, "trainer": {"epochs": 3}}
    other = replace(RECORD, model="wide", settings=settings, seed=1, data={"train": "b" * 64}, threads=2, weights="d")
    table = tables(run(tmp_path / "r1", None), run(tmp_path / "r2", None, record=other))["Settings that differ"]
    assert table.columns == ("setting", "r1", "r2")
    assert set(table.rows) == {
        ("model", "net", "wide"),
        ("seed", "0", "1"),
        ("model.hidden_size", "8", "-"),
        ("model.heads", "-", "4"),
        ("trainer.epochs", "2", "3"),
        ("data.train", "a" * 12, "b" * 12),
    }


def test_equal_runs_say_in_words_that_nothing_differs(tmp_path: Path) -> None:
    later = replace(RECORD, environment={**RECORD.environment, "date": "tomorrow"})
    found = tables(run(tmp_path / "r1", row()), run(tmp_path / "r2", row(), record=later))
    settings = found["Settings that differ"]
    assert (settings.rows, settings.caption) == ((("no setting differs", "", ""),), "")
    assert found["Versions and machine that differ"].rows == (("nothing differs", "", ""),)


def test_versions_and_machine_are_shown_where_two_state_different_ones(tmp_path: Path) -> None:
    machine = {
        "python": "3.11",
        "processor": "fast",
        "commit": f"{'e' * 40}-dirty",
        "versions": {"torch": "3", "numpy": "2"},
        "plugins": {"a:b": {"version": "1", "origin": f"checkout at {'e' * 40}"}},
    }
    document(tmp_path / "b.json", [row(timing={"device": "cuda"})], {"doa": {"0": "p"}}, environment=machine)
    found = tables(run(tmp_path / "r", row()), tmp_path / "b.json")
    assert "Settings that differ" not in found
    assert set(found["Versions and machine that differ"].rows) == {
        ("commit", "c" * 12, f"{'e' * 12}-dirty"),
        ("torch", "2", "3"),
        ("device", "cpu", "cuda"),
    }


def test_problems_are_told_apart_by_their_digests(tmp_path: Path) -> None:
    one = document(tmp_path / "a", [row(), row(seed=1)], {"doa": {"0": "p" * 64, "1": "q"}})
    same = document(tmp_path / "b", [row(), row(seed=1)], {"doa": {"0": "p" * 64, "1": "q"}})
    fewer = document(tmp_path / "c", [row()], {"doa": {"0": "p" * 64}})
    other = document(tmp_path / "d", [row()], {"doa": {"0": "s"}})
    table = tables(one, same)["Test problems"]
    assert table.rows == (("doa, seed 0", "p" * 12, "p" * 12), ("doa, seed 1", "q", "q"))
    assert table.caption.startswith("All were tested on the same problems")
    table = tables(one, fewer)["Test problems"]
    assert table.rows[1] == ("doa, seed 1", "q", "-")
    assert table.caption.startswith("What several were tested on is the same")
    table = tables(one, other)["Test problems"]
    assert table.rows[0] == ("doa, seed 0", "p" * 12, "s")
    assert table.caption.endswith("rows of different problems are never paired.")


def test_sources_without_tests_have_no_problems_and_say_so(tmp_path: Path) -> None:
    table = tables(run(tmp_path / "r1", None), run(tmp_path / "r2", None))["Test problems"]
    assert (table.rows, table.caption) == ((("no problems are known", "", ""),), "")


def test_curves_are_read_after_a_quarter_half_and_all_of_the_epochs(tmp_path: Path) -> None:
    record = replace(RECORD, settings={**RECORD.settings, "trainer": {"epochs": 8}})
    one = run(tmp_path / "r1", None, record=record, f1=(0.1, 0.2, 0.3, 0.4, 0.5, 0.9, 0.7, 0.8))
    two = run(tmp_path / "r2", None, record=record, f1=(0.6, 0.65, 0.7))
    table = tables(one, two)["Training"]
    assert table.rows == (
        ("model", "net", "net"),
        ("dataset", "doa", "doa"),
        ("epochs", "8", "3 of 8"),
        ("best epoch", "6", "3"),
        ("best F1", "0.9000", "0.7000"),
        ("F1 after a quarter", "0.2000", "0.6000"),
        ("F1 after half", "0.4000", "0.6500"),
        ("F1 after all", "0.8000", "0.7000"),
        ("final loss, cell", "0.125", "0.3333"),
    )


def test_own_metrics_of_the_best_epoch_and_an_early_stop_are_shown(tmp_path: Path) -> None:
    own = ({"mine": 0.25}, {"mine": 0.125, "other": 3.0}, {"mine": 0.5, "other": 4.0})
    stopped = replace(RECORD, stopped=3, settings={**RECORD.settings, "trainer": {"epochs": 9, "patience": 1}})
    one = run(tmp_path / "r1", row(), record=stopped, f1=(0.5, 0.75, 0.7), own=own)
    two = run(tmp_path / "r2", row(), f1=(0.5,))
    shown = {name: cells for name, *cells in tables(one, two)["Training"].rows}
    assert shown["epochs"] == ["3 of 9, stopped early", "1 of 2"]
    assert (shown["mine, best epoch"], shown["other, best epoch"]) == (["0.125", "-"], ["3", "-"])


def test_rows_of_a_model_stand_together_and_what_only_one_has_is_listed(tmp_path: Path) -> None:
    sha256 = {"doa": {"0": "p", "1": "q"}}
    skipped = (Skipped(model="wide", dataset="doa", reason="n/a (fixed 3 x 3)"),)
    failed = (Failed(model="broken", dataset="doa", seed=0, reason="no luck"),)
    one = document(tmp_path / "a", [row("x"), row("x", seed=1, f1=0.7), row("y")], sha256, skipped=skipped)
    two = document(tmp_path / "b", [row("z"), row("x", exact=1.0, cost_gap=None)], sha256, failed=failed)
    table = tables(one, two)["doa"]
    assert table.columns == ("model", "seeds", "F1", "exact", "cost gap", "us/problem")
    assert table.rows == (
        ("x (a)", "0, 1", "0.6000 ± 0.1414", "0.2500 ± 0.0000", "1.00%", "2.0"),
        ("x (b)", "0", "0.5000", "1.0000", "-", "2.0"),
        ("y (a)", "0", "0.5000", "0.2500", "1.00%", "2.0"),
        ("z (b)", "0", "0.5000", "0.2500", "1.00%", "2.0"),
        ("wide (a)", "-", "n/a (fixed 3 x 3)", "", "", ""),
        ("broken (b)", "-", "failed", "", "", ""),
    )
    assert table.caption == (
        "40 problems of doa, seed 0, 1. Means over seeds, ± standard deviation. Other seeds are other problems."
    )


def test_rows_of_different_problems_are_numbered_and_said_not_to_be_compared(tmp_path: Path) -> None:
    one, two = run(tmp_path / "r1", row()), run(tmp_path / "r2", row(seed=1), "q")
    three = document(tmp_path / "b", [row("x", outside=("slots",))], {"mine": {"0": "p"}, "doa": {"0": "p"}})
    table = tables(one, two, three)["doa"]
    assert [cells[:3] for cells in table.rows] == [("r1", "1", "0"), ("r2", "2", "1"), ("x (b)†", "1", "0")]
    assert table.caption == (
        "Problems 1 (r1, b): 40 problems of doa, seed 0, with samples=[1,2] path=null. "
        "Problems 2 (r2): 40 problems of doa, seed 1, with samples=[1,2] path=null. "
        f"Rows of different problems are not to be compared. {BEYOND_CAPTION}"
    )


def test_a_source_that_has_the_problems_of_two_others_makes_them_one_group(tmp_path: Path) -> None:
    one, two = run(tmp_path / "r1", row(), "p"), run(tmp_path / "r2", row(seed=1), "q")
    both = document(tmp_path / "b", [row("x"), row("x", seed=1)], {"doa": {"0": "p", "1": "q"}})
    table = tables(one, two, both)["doa"]
    assert [cells[:2] for cells in table.rows] == [("r1", "0"), ("r2", "1"), ("x (b)", "0, 1")]
    assert table.caption == (
        "40 problems of doa, seed 0, 1, with samples=[1,2] path=null. Means over seeds, ± standard deviation. "
        "Other seeds are other problems."
    )


def test_a_task_of_the_same_problems_is_one_task_under_whatever_name(tmp_path: Path) -> None:
    one = document(tmp_path / "a", [row("x")], {"doa": {"0": "p"}})
    two = document(tmp_path / "b", [row("y", dataset="mine")], {"mine": {"0": "p"}})
    found = tables(one, two)
    assert "mine" not in found
    assert [cells[0] for cells in found["doa"].rows] == ["x (a)", "y (b)"]


def test_other_conditions_of_times_are_said(tmp_path: Path) -> None:
    one, two = run(tmp_path / "r1", row()), run(tmp_path / "r2", row(timing={"device": "cpu", "batch_size": 7}))
    assert tables(one, two)["doa"].caption.endswith("Times are of different conditions: batch size.")


def test_differences_have_a_table_for_each_task_and_a_row_for_each_pair(tmp_path: Path) -> None:
    sha256 = {"doa": {"0": "p"}, "mine": {"0": "q"}}
    one = document(tmp_path / "a", [row(text=ALL), row(text=HALF, dataset="mine")], sha256)
    two = document(tmp_path / "b", [row(text=ALL), row(text=HALF, dataset="mine")], sha256)
    three = run(tmp_path / "r", row(text=ALL))
    found = tables(one, two, three)
    table = found["doa, paired differences in F1"]
    assert table.columns == ("model", "difference", "from", "to", "problems", "seeds")
    assert table.rows == (
        ("net (b) against net (a)", "+0.0000", "+0.0000", "+0.0000", "40", "0"),
        ("r against net (a)", "+0.0000", "+0.0000", "+0.0000", "40", "0"),
    )
    assert "95% interval" in table.caption
    assert [cells[0] for cells in found["mine, paired differences in F1"].rows] == ["net (b) against net (a)"]
