"""`python -m benchmarks.submissions`: exit codes, one line for each document, and running one again."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from benchmarks.submissions.__main__ import app
from benchmarks.submissions.document import Document
from benchmarks.submissions.rerun import differences, rerun
from hnetzoo.benchmark.jobs import Options
from hnetzoo.files import write_json
from hnetzoo.registry.lookup import Registry

Command = Callable[..., Result]


@pytest.fixture
def command(root: Path) -> Command:
    def call(name: str, *arguments: object) -> Result:
        return CliRunner().invoke(app, [name, *map(str, arguments), "--root", str(root)])

    return call


def test_an_accepted_document_exits_0(command: Command, root: Path) -> None:
    ended = command("check", root / "acme.json")
    assert (ended.exit_code, ended.stderr) == (0, "")
    assert ended.stdout == "acme.json: acme-gate on tiny can be accepted\n"


def test_refusals_exit_1_and_what_cannot_be_read_4_after_all_were_checked(
    command: Command, root: Path, document: dict[str, Any], tmp_path: Path
) -> None:
    document["rows"].pop()
    write_json(tmp_path / "less.json", document)
    (tmp_path / "torn.json").write_text("{")
    ended = command("check", tmp_path / "less.json", root / "acme.json")
    assert ended.exit_code == 1
    reason = "hungarian on doa-3, seed 1, has no result; all are needed, once"
    assert ended.stderr == f"error: 'less.json' is refused: {reason}\n"
    ended = command("check", tmp_path / "torn.json", tmp_path / "none.json", tmp_path / "less.json", root / "acme.json")
    assert ended.exit_code == 4
    assert [line.split(" is ")[0] for line in ended.stderr.splitlines()] == [
        "error: 'torn.json'",
        "error: 'none.json'",
        "error: 'less.json'",
    ]
    assert "can be accepted" in ended.stdout


def test_check_without_files_takes_all_submissions(command: Command, root: Path, document: dict[str, Any]) -> None:
    assert command("check").stdout == ""
    write_json(root / "results" / "submitted" / "acme.json", document)
    assert command("check").stdout.count("\n") == 1


def test_a_suite_is_shown_with_its_submissions(
    command: Command, root: Path, document: dict[str, Any], tmp_path: Path
) -> None:
    write_json(root / "results" / "submitted" / "acme.json", document)
    assert "| acme-gate‡ |" in command("show", "tiny").stdout
    assert command("show", "tiny", "--html", tmp_path / "page.html").exit_code == 0
    assert "acme-gate‡" in (tmp_path / "page.html").read_text()
    ended = command("show", "none")
    assert (ended.exit_code, ended.stderr.count("\n")) == (4, 1)


def test_running_it_again_finds_the_same(command: Command, root: Path) -> None:
    ended = command("rerun", root / "acme.json")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.endswith("acme.json: the same came out\n")


def test_running_it_again_finds_lies_that_are_consistent(
    root: Path, document: dict[str, Any], registry: Registry
) -> None:
    honest = Document.model_validate_json(json.dumps(document))
    report = rerun(honest, registry, Options(), root)
    assert list(differences(honest, report)) == []
    document["environment"]["plugins"]["acme-gate:acme"]["version"] = "1.1"
    document["models"]["acme-gate"]["weights"]["sha256"] = "c" * 64
    found = list(differences(Document.model_validate_json(json.dumps(document)), report))
    assert found == [
        "acme-gate: version 1.1 was submitted, and 1.2 is installed",
        "acme-gate: other weights are installed than were submitted",
    ]
    rows = [row for row in report.rows if row.model == "acme-gate"]
    other = [replace(row, outcomes=rows[1 - place].outcomes) for place, row in enumerate(rows)]
    changed = replace(report, rows=(*(row for row in report.rows if row not in rows), other[0]))
    assert [line.partition(":")[0] for line in differences(honest, changed)] == [
        "acme-gate on doa, seed 0",
        "acme-gate on doa, seed 1",
    ]
