"""A small part of the campaign: whatever happens to files, processes and plugins, no rule is broken.

All of it is run by `make campaign`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaign.command import Outcome
from tests.campaign.damage import BYTES, damaged
from tests.campaign.faults import Operations
from tests.campaign.file_kinds import FILES
from tests.campaign.trial import KINDS, Trial

ROOT = Path(__file__).parents[2]
SHARES = {
    "kills": 0.03,
    "corruptions": 0.02,
    "full disks": 0.15,
    "hostile files": 0.2,
    "command lines": 0.12,
    "defective plugins": 0.08,
    "concurrent runs": 0.2,
    "extreme numbers": 0.2,
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="watches processes through /proc")
@pytest.mark.parametrize("family", SHARES)
def test_no_rule_is_broken(family: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "tests.campaign",
        "--family",
        family,
        "--share",
        str(SHARES[family]),
        "--jobs",
        "1",
    ]
    done = subprocess.run(
        [*command, "--json", str(tmp_path / "c.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path / "c.json").read_text())
    assert set(counts["broken"]) == set(KINDS.values())
    if family == "full disks" and counts["families"][family]["cases"] == 0:
        pytest.skip("file systems cannot be mounted here")
    assert counts["families"][family]["cases"] >= 3


@pytest.mark.parametrize("how", [*BYTES, "json"])
def test_damage_changes_the_content(how: str) -> None:
    import random

    content = json.dumps({"a": [1, 2, {"b": "text"}], "c": None}).encode()
    for seed in range(20):
        assert damaged(content, how, random.Random(seed)) != content


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome((), 1, "", "Traceback (most recent call last)", 1.0, 100, 0), "traceback"),
        (Outcome((), 99, "", "x", 1.0, 100, 0), "exit code"),
        (Outcome((), -9, "", "x", 1.0, 100, 0), "exit code"),
        (Outcome((), 4, "", "", 1.0, 100, 0), "exit code"),
        (Outcome((), 0, "", "", 1.0, 100, 1), "orphans"),
        (Outcome((), 0, "", "", 1.0, 4000, 0), "memory"),
        (Outcome((), 0, "", "", 130.0, 100, 0), "time"),
    ],
)
def test_a_broken_rule_is_found(outcome: Outcome, kind: str, tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    trial.judge(outcome)
    assert [finding.kind for finding in trial.findings] == [kind]


def test_a_file_that_was_executed_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "executed").touch()
    trial = Trial(tmp_path)
    trial.judge(Outcome((), 0, "", "", 1.0, 100, 0))
    assert [finding.kind for finding in trial.findings] == ["executed"]


def test_a_process_is_killed_at_the_operation_that_was_asked_for(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tests.campaign.faults import Operations;"
        "Operations(int(sys.argv[1]), 'kill').install(Path.cwd());"
        "Path('a').write_text('1'); Path('b').mkdir(); Path('a').rename('c')"
    )
    for at, left in ((1, []), (2, ["a"]), (3, ["a", "b"]), (4, ["b", "c"])):
        folder = tmp_path / str(at)
        folder.mkdir()
        environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run([sys.executable, "-c", code, str(at)], cwd=folder, env=environment, check=False)
        assert sorted(path.name for path in folder.iterdir()) == left


def test_the_shares_of_damaged_files_add_up() -> None:
    assert sum(kind.share for kind in FILES.values()) == pytest.approx(1.0)
    assert Operations().count == 0
