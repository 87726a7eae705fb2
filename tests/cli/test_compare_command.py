"""Command `compare` shows runs and documents side by side, in every format, and refuses what is neither."""

import csv
import json
import shlex
from pathlib import Path

import pytest

from tests.cli.outcome import Run, fails

TINY = ["--dataset", "doa", "--set", "dataset.samples=300", "--batch-size", "32"]
SMALL = ["--model", "greedy", "--dataset", "doa", "--set", "dataset.samples=300"]
TITLES = [
    "Settings that differ",
    "Versions and machine that differ",
    "Test problems",
    "Training",
    "doa",
    "doa, paired differences in F1",
]


def train(run: Run, out: str, *arguments: object) -> None:
    assert run("train", "dual-softmax", *TINY, "--out", out, *arguments).code == 0


def test_two_trainings_are_compared_in_every_format(run: Run, tmp_path: Path) -> None:
    train(run, "r1", "--epochs", 1)
    train(run, "r2", "--epochs", 2)
    outcome = run("compare", "run:r1", "r2", "--markdown", "c.md", "--latex", "c.tex", "--csv", "c.csv")
    assert (outcome.code, outcome.err) == (0, "")
    shown = " ".join(outcome.out.split())
    place = 0
    for title in TITLES:
        place = shown.index(f" {title} " if place else title, place)
    sentence = outcome.out.splitlines()[-1]
    assert " problems of doa" in sentence
    assert [line for line in (tmp_path / "c.md").read_text().splitlines() if line.startswith("### ")] == [
        f"### {title}" for title in TITLES
    ]
    assert f"- {sentence}\n" in (tmp_path / "c.md").read_text()
    assert (tmp_path / "c.tex").read_text().count(r"\bottomrule") == len(TITLES)
    with (tmp_path / "c.csv").open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert {cell["table"] for cell in cells} == set(TITLES)
    assert {"table": "Settings that differ", "row": "trainer.epochs", "column": "r2", "value": "2"} in cells


def test_json_is_one_document_and_nothing_else(run: Run) -> None:
    for name in ("a.json", "b.json"):
        run("benchmark", *SMALL, "--outcomes", "--json", name)
    outcome = run("compare", "a.json", "b.json", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    (pair,) = json.loads(outcome.out)["pairs"]
    assert (pair["first"], pair["difference"]["value"]) == ("greedy (a.json)", 0.0)


def test_the_commands_that_it_names_lead_to_a_paired_difference(run: Run) -> None:
    train(run, "r1", "--epochs", 1)
    train(run, "r2", "--epochs", 1, "--seed", 1)
    outcome = run("compare", "r1", "r2")
    assert "not paired: r1 and r2, as they were tested on different problems; run\n" in outcome.out
    commands = outcome.out.partition("; run\n")[2].replace("&&", "").splitlines()
    *_, last = [run(*shlex.split(command)[1:]) for command in commands]
    assert last.code == 0
    assert "run:r2 (r2.json)" in last.out.splitlines()[-1]


def test_documents_without_outcomes_say_what_to_add(run: Run) -> None:
    for name in ("a.json", "b.json"):
        run("benchmark", *SMALL, "--json", name)
    assert "with --outcomes" in run("compare", "a.json", "b.json").out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ([], 2, "0 given, and at least two are needed"),
        (["none", "nothing"], 2, "no file or folder 'none' and no 'nothing'"),
        (["bad.json", "."], 4, "'bad.json' is not a benchmark document"),
        (["run:bad.json", "."], 4, "'bad.json' is not a run directory"),
        (["bad.json", "run:bad.json"], 2, "is given twice"),
        (["none", "nothing", "--csv", "no/c.csv"], 2, "folder 'no' does not exist"),
    ],
)
def test_what_cannot_be_compared_is_told_in_one_line(
    run: Run, tmp_path: Path, arguments: list[str], code: int, part: str
) -> None:
    (tmp_path / "bad.json").write_text("{}")
    fails(run("compare", *arguments), code, part)
