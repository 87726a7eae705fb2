"""Which answers are compared, by how much they differ, and what is said where none are."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hnetzoo.errors import DataError
from hnetzoo.report.comparison import Comparison, compare
from hnetzoo.report.sources import read_sources
from tests.report.places import RECORD, RIGHT, WRONG, document, outcomes, row, run

ALL = outcomes(RIGHT, RIGHT, times=20)  # F1 1
HALF = outcomes(RIGHT, WRONG, times=20)  # F1 2 * 20 / (2 * 20 + 20 + 20) = 0.5
TASK = {"doa": {"0": "p"}}


def compared(*paths: Path) -> Comparison:
    return compare(read_sources(list(map(str, paths))))


def test_the_difference_is_that_of_the_second_to_the_first_and_the_sentence_names_the_better(tmp_path: Path) -> None:
    good, poor = run(tmp_path / "good", row(text=ALL)), run(tmp_path / "poor", row(text=HALF))
    (pair,) = compared(good, poor).pairs
    assert (pair.first, pair.second, pair.task, pair.seeds) == ("good", "poor", "doa", (0,))
    assert (pair.difference.value, pair.difference.problems) == (-0.5, 40)
    low, high = -pair.difference.high, -pair.difference.low
    assert 0 < low < 0.5 < high < 1
    sentence = f"good is better than poor by +0.5000 [{low:+.4f}, {high:+.4f}] F1 on 40 problems of doa"
    assert compared(good, poor).conclusions == (sentence,)
    assert compared(poor, good).conclusions == (sentence,)


def test_where_the_interval_holds_zero_no_difference_is_shown(tmp_path: Path) -> None:
    first = run(tmp_path / "r1", row(text=outcomes(RIGHT, WRONG, times=20)))
    second = run(tmp_path / "r2", row(text=outcomes(WRONG, RIGHT, times=20)))
    (sentence,) = compared(first, second).conclusions
    interval = r"\+0\.0000 \[-0\.\d{4}, \+0\.\d{4}\]"
    assert re.fullmatch(f"no difference is shown: r2 against r1, {interval} F1 on 40 problems of doa", sentence)


def test_seeds_are_pooled_where_their_problems_are_equal(tmp_path: Path) -> None:
    rows = [row(text=ALL), row(text=ALL, seed=1), row(text=ALL, seed=2)]
    one = document(tmp_path / "a.json", rows, {"doa": {"0": "p", "1": "q", "2": "other"}})
    rows = [row(text=ALL, seed=2), row(text=HALF, seed=1), row(text=ALL)]
    two = document(tmp_path / "b.json", rows, {"doa": {"0": "p", "1": "q", "2": "s"}})
    (pair,) = compared(one, two).pairs
    assert (pair.seeds, pair.difference.problems) == ((0, 1), 80)
    assert pair.difference.value == pytest.approx(0.75 - 1)  # 2 * 60 / (2 * 60 + 20 + 20) = 0.75


def test_models_of_equal_label_are_paired_and_the_others_named(tmp_path: Path) -> None:
    one = document(tmp_path / "a.json", [row("x", ALL), row("y", ALL), row("z", ALL)], TASK)
    two = document(tmp_path / "b.json", [row("w", HALF), row("y", HALF), row("x", HALF)], TASK)
    found = compared(one, two)
    assert [(pair.first, pair.second) for pair in found.pairs] == [
        ("x (a.json)", "x (b.json)"),
        ("y (a.json)", "y (b.json)"),
    ]
    (left,) = found.unpaired
    assert str(left) == (
        "not paired: z (a.json), w (b.json), as a.json and b.json do not both have a model of that name"
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_source_of_one_model_is_paired_with_every_model_of_the_other(tmp_path: Path, order: int) -> None:
    one = run(tmp_path / "r", row("net", ALL))
    two = document(tmp_path / "b.json", [row("x", HALF), row("y", HALF)], TASK)
    found = compared(*(one, two)[::order])
    assert {frozenset((pair.first, pair.second)) for pair in found.pairs} == {
        frozenset(("r", "x (b.json)")),
        frozenset(("r", "y (b.json)")),
    }
    assert found.unpaired == ()


def test_every_source_is_compared_with_the_first_alone(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, row(text=ALL)) for name in ("a", "b", "c")]
    assert [(pair.first, pair.second) for pair in compared(*runs).pairs] == [("a", "b"), ("a", "c")]


def test_different_problems_are_never_paired_even_of_one_name_and_seed(tmp_path: Path) -> None:
    one = document(tmp_path / "a.json", [row(text=ALL)], {"doa": {"0": "p"}})
    two = document(tmp_path / "b.json", [row(text=HALF)], {"doa": {"0": "q"}})
    found = compared(one, two)
    assert found.pairs == ()
    assert found.conclusions == (
        "not paired: a.json and b.json, as they were tested on different problems; run 'hnetzoo benchmark --outcomes' "
        "for both with the same datasets, settings and seeds",
    )


def test_equal_problems_are_paired_under_whatever_name(tmp_path: Path) -> None:
    one = document(tmp_path / "a.json", [row(text=ALL)], {"doa": {"0": "p"}})
    two = document(tmp_path / "b.json", [row(text=HALF, dataset="mine", seed=7)], {"mine": {"7": "p"}})
    (pair,) = compared(one, two).pairs
    assert (pair.task, pair.seeds, pair.difference.value) == ("doa", (0,), -0.5)


def test_runs_on_different_problems_get_the_commands_that_test_both_on_those_of_the_first(tmp_path: Path) -> None:
    one = run(tmp_path / "r1", row(text=ALL), "p")
    two = run(tmp_path / "r2", row(text=ALL, seed=1), "q", record=replace(RECORD, seed=1))
    (left,) = compared(one, two).unpaired
    given = "--dataset doa --seed 0 --set 'dataset.samples=[1,2]' --outcomes --json"
    assert left.commands == (
        f"hnetzoo benchmark --model run:{one} {given} r1.json",
        f"hnetzoo benchmark --model run:{two} {given} r2.json",
        "hnetzoo compare r1.json r2.json",
    )
    assert str(left) == (
        "not paired: r1 and r2, as they were tested on different problems; run\n  " + " &&\n  ".join(left.commands)
    )


OLD = "r2 does not say what became of each problem, being of an older version"
UNKNOWN = "r2 does not say which problems it was tested on, being of an older version"


@pytest.mark.parametrize(
    ("second", "reason", "commands"),
    [
        ({"tested": row()}, OLD, 2),
        ({"tested": row(text=ALL), "sha256": ""}, UNKNOWN, 2),
        ({"tested": None}, "r2 has no test result, as its training has not ended; continue it with --resume", 0),
        ({"tested": None, "f1": (), "record": replace(RECORD, settings={}, dataset="", source={"file": "x.pt"})},
         "r2 was imported and not tested", 2),
    ],
    ids=["no outcomes", "no digest", "unfinished", "imported"],
)  # fmt: skip
def test_a_run_that_cannot_be_paired_says_why_and_what_to_run(
    tmp_path: Path, second: dict[str, Any], reason: str, commands: int
) -> None:
    one, two = run(tmp_path / "r1", row(text=ALL)), run(tmp_path / "r2", **second)
    found = compared(one, two)
    (left,) = found.unpaired
    assert (found.pairs, left.reason, len(left.commands)) == ((), reason, commands)
    if commands:
        assert f"--model run:{two} --dataset doa --seed 0 " in left.commands[0]
        assert left.commands[-1] == f"hnetzoo compare {one} r2.json"


def test_documents_without_outcomes_say_how_to_get_them_and_once(tmp_path: Path) -> None:
    one = document(tmp_path / "a.json", [row("x", ALL), row("y", ALL)], TASK)
    two = document(tmp_path / "b.json", [row("x"), row("y")], TASK)
    assert compared(one, two).conclusions == (
        "not paired: a.json and b.json, as b.json does not say what became of each problem; run its 'hnetzoo "
        "benchmark' again with --outcomes",
    )


def test_a_document_without_rows_is_named(tmp_path: Path) -> None:
    one, two = document(tmp_path / "a.json", [row(text=ALL)], TASK), document(tmp_path / "b.json", [], {})
    (left,) = compared(one, two).unpaired
    assert left.reason == "b.json has no rows; run its 'hnetzoo benchmark' again"


@pytest.mark.parametrize("text", ["zzzz", outcomes(RIGHT)], ids=["damaged", "too few"])
def test_outcomes_that_are_not_those_of_the_problems_are_refused_naming_the_file(tmp_path: Path, text: str) -> None:
    one = document(tmp_path / "a.json", [row(text=ALL)], TASK)
    two = document(tmp_path / "b.json", [row(text=text)], TASK)
    with pytest.raises(DataError, match=r"^'.*b\.json': .*outcomes of .*; run the benchmark again$"):
        compared(one, two)


def test_the_json_document_holds_all_but_what_became_of_each_problem(tmp_path: Path) -> None:
    one, two = run(tmp_path / "r", row(text=ALL)), document(tmp_path / "b.json", [row(text=HALF)], TASK)
    made = compared(one, two).to_json()
    first, second = made["sources"]
    assert (made["schema"], made["confidence"]) == (1, 0.95)
    assert (first["kind"], first["run"]["seed"], [epoch["epoch"] for epoch in first["epochs"]]) == ("run", 0, [1, 2])
    assert (second["kind"], second["run"], second["report"]["rows"][0]["f1"]) == ("benchmark", None, 0.5)
    (pair,) = made["pairs"]
    assert (pair["difference"]["value"], pair["clear"]) == (-0.5, True)
    assert pair["sentence"].startswith("r is better than net (b.json) by +0.5000 [")
    assert ALL not in str(made)


def test_seeds_of_one_recording_are_no_problems_of_their_own(tmp_path: Path) -> None:
    rows = [row(text=HALF, seed=0), row(text=HALF, seed=1)]
    tasks = {"doa": {"0": "p", "1": "q"}}  # slots in another order
    paths = [document(tmp_path / "a.json", [replace(one, outcomes=ALL) for one in rows], tasks)]
    paths.append(document(tmp_path / "b.json", rows, tasks))
    for redrawn in (True, False):
        for path in paths:
            stored = json.loads(path.read_text())
            stored["tasks"]["doa"]["redrawn"] = redrawn
            path.write_text(json.dumps(stored))
        (pair,) = compared(*paths).pairs
        assert pair.difference.problems == rows[0].problems * (2 if redrawn else 1)


def test_neighbours_whose_errors_go_together_are_drawn_together(tmp_path: Path) -> None:
    blocky = outcomes(*[RIGHT] * 20, *[WRONG] * 20, times=1)
    one, two = (
        document(tmp_path / name, [row(text=text)], TASK) for name, text in (("a.json", ALL), ("b.json", blocky))
    )
    widths = []
    for block in (1, 20):
        for path in (one, two):
            stored = json.loads(path.read_text())
            stored["tasks"]["doa"]["block"] = block
            path.write_text(json.dumps(stored))
        (pair,) = compared(one, two).pairs
        widths.append(pair.difference.high - pair.difference.low)
    assert widths[1] > 2 * widths[0]
