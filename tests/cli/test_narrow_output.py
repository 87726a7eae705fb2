"""Output of commands on narrow terminals and in pipes, whose width the environment variable COLUMNS gives."""

import re

import pytest

from tests.cli.outcome import Run

TINY = "dataset.samples=[20,30,40]"
COMMANDS = (
    ("list",),
    ("list", "models"),
    ("show", "hnetgru"),
    ("show", "hnetgru@default"),
    ("show", "exchangeable"),
    ("show", "doa-reference"),
    ("show", "box-tracks"),
    ("benchmark", "--model", "hungarian", "--model", "hnetgru", "--dataset", "doa-reference", "--set", TINY),
    ("benchmark", "--model", "greedy", "--dataset", "doa-reference", "--seed", "0", "--seed", "1", "--set", TINY),
    ("check", "greedy", "--only", "output_shape"),
    ("doctor",),
    ("train", "hnetgru", "--dry-run"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_table_cuts_a_number_at_80_columns(run: Run, monkeypatch: pytest.MonkeyPatch, command: tuple[str]) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run(*command)
    assert narrow.code == 0, narrow.err
    assert not re.search(r"[\d.]…|…[\d.]", narrow.out)
    rule = [line for line in narrow.out.splitlines() if line.startswith("─")]
    assert rule
    assert max(map(len, rule)) <= 80


def test_what_is_left_out_at_80_columns_is_there_at_200(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    command = COMMANDS[7]
    assert "parameters" in run(*command).out.splitlines()[1], "200 columns without COLUMNS"
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run(*command).out
    assert "parameters" not in narrow.splitlines()[1]
    assert "Left out for width: parameters, " in " ".join(narrow.split())
