"""Tables on terminals of any width: no number is cut or wrapped."""

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from hnetzoo.report.tables import Table, report_tables
from hnetzoo.report.terminal import TerminalTable
from tests.report.test_tables import report, row

RANKING = (
    "parameters", "us/problem", "proven gap", "cost gap", "F1 1-to-1", "valid", "weighted F1", "recall", "precision",
    "vs scipy", "exact",
)  # fmt: skip


def drawn(table: Table, width: int) -> str:
    """Return a table as a console of a width prints it."""
    console = Console(file=StringIO(), width=width, highlight=False)
    console.print(TerminalTable(table), crop=False)
    return console.file.getvalue()


def ranking() -> Table:
    rows = [row(model, seed=seed, f1=f1 / 10) for model, f1 in (("hungarian", 5), ("acme", 7)) for seed in (0, 1)]
    return report_tables(report(*rows))[0]


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 100, 120, 140, 200])
def test_every_number_is_complete_or_its_column_is_named_as_left_out(width: int) -> None:
    table = ranking()
    text = drawn(table, width)
    _, _, named = " ".join(text.split()).partition("Left out for width: ")
    left_out = named.partition(";")[0].split(", ") if named else []
    assert left_out == list(RANKING[: len(left_out)]), "columns leave in this order"
    for name, *cells in zip(table.columns, *table.rows, strict=True):
        if name not in left_out:
            assert all(re.search(rf"(?<!\S){re.escape(cell)}(?!\S)", text) for cell in cells), name
    assert "…" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 140])
def test_lines_are_no_longer_than_the_terminal_and_no_column_leaves_that_would_fit(width: int) -> None:
    table = ranking()
    text = drawn(table, width)
    assert max(map(len, text.splitlines())) <= width
    _, _, named = " ".join(text.split()).partition("Left out for width: ")
    left_out = named.partition(";")[0].split(", ") if named else []
    if left_out:
        more = replace(table, leaving=tuple(left_out[:-1]))
        heads = [line for line in drawn(more, width).splitlines() if line.startswith("model")]
        assert len(heads) > 1, "with one column more the table does not fit"


def test_the_caption_says_what_was_left_out_and_where_it_is() -> None:
    text = " ".join(drawn(ranking(), 80).split())
    assert "; --json, --markdown or a wider terminal has them." in text
    assert "Left out" not in drawn(ranking(), 200)


def test_the_first_column_and_f1_never_leave_and_overflow_a_terminal_that_is_too_narrow() -> None:
    lines = [" ".join(line.split()) for line in drawn(ranking(), 10).splitlines()]
    assert {"model F1", "hungarian 0.5000 ± 0.0000", "acme 0.7000 ± 0.0000"} <= set(lines)


def test_groups_that_do_not_fit_continue_below_with_the_models_repeated() -> None:
    names = tuple(f"{rows:02b}x{columns:02b}" for rows in range(4) for columns in range(4))
    shares = tuple(f"0.{index:03d}" for index in range(16))
    table = Table(title="by layout", caption="Shares.", columns=("model", *names), rows=(("hungarian", *shares),))
    lines = [line.split() for line in drawn(table, 80).splitlines()]
    heads = [line[1:] for line in lines if line[:1] == ["model"]]
    values = [line[1:] for line in lines if line[:1] == ["hungarian"]]
    assert len(heads) == 2
    assert [*heads[0], *heads[1]] == list(names)
    assert [*values[0], *values[1]] == list(shares)
    assert [len(head) for head in heads] == [len(value) for value in values]


def test_texts_wrap_between_words_and_keep_the_numbers_in_them() -> None:
    help_text = "Distances from 0.125 to 1000000 are known to these weights, and 12345678 further ones."
    table = Table(title="", caption="", columns=("name", "help"), rows=(("acme-net-large", help_text),))
    for width in (30, 40, 60):
        text = drawn(table, width)
        assert max(map(len, text.splitlines())) <= width
        assert set(help_text.split()) <= set(text.split())


def test_the_reason_of_a_skipped_model_stays_in_one_line() -> None:
    table = replace(ranking(), rows=(*ranking().rows, ("net", "n/a (fixed 2 x 2)", *[""] * len(RANKING))))
    assert re.search(r"^net +n/a \(fixed 2 x 2\) *$", drawn(table, 80), re.MULTILINE)


@pytest.mark.parametrize("text", ["acme [large]", "[bold]", "run:[/]x", "hnetgru[/red]"])
def test_text_in_brackets_is_printed_on_the_terminal(text: str) -> None:
    assert text in drawn(Table(title="t", caption="c", columns=("model", "F1"), rows=((text, text),)), 200)


@pytest.mark.parametrize("place", ["title", "caption", "columns"])
def test_titles_captions_and_columns_in_brackets_are_printed_on_the_terminal(place: str) -> None:
    table = Table(title="title", caption="caption", columns=("model", "F1"), rows=(("a long enough row", "1"),))
    named = replace(table, **{place: ("doa [bold]", "F1") if place == "columns" else "doa [bold]"})
    assert "doa [bold]" in drawn(named, 200)


def test_the_terminal_does_not_wrap_the_first_column() -> None:
    (table,) = report_tables(report(row("hungarian"), row("a-model-with-a-rather-long-name")))
    assert "a-model-with-a-rather-long-name" in drawn(table, width=60)
