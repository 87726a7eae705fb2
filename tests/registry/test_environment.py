"""The environment of results: machine, versions, date and commit."""

import json
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hnetzoo.registry.environment import PACKAGES, commit, environment


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=acme", "-c", "user.email=acme@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a file that a checkout tracks."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    path = tmp_path / "module.py"
    path.write_text("a = 1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "module.py")
    git(tmp_path, "commit", "--quiet", "--message", "Start")
    return path


def test_the_environment_has_versions_system_cores_date_and_commit_and_nothing_else() -> None:
    found = environment()
    assert set(found) == {"python", "system", "processor", "cores", "date", "commit", "versions"}
    assert {"hnetzoo", "torch", "numpy", "scipy"} <= set(found["versions"]) == set(PACKAGES)
    assert json.loads(json.dumps(found)) == found


def test_the_date_is_utc_with_day_and_time() -> None:
    date = datetime.fromisoformat(environment()["date"])
    assert date.utcoffset() == UTC.utcoffset(None)
    assert abs((datetime.now(UTC) - date).total_seconds()) < 60


def test_the_commit_is_that_of_the_checkout(source: Path) -> None:
    head = git(source.parent, "rev-parse", "HEAD")
    git(source.parent, "tag", "--annotate", "v1", "--message", "A tag is no commit")
    assert commit(source) == head


def test_a_changed_tree_is_dirty(source: Path) -> None:
    head = git(source.parent, "rev-parse", "HEAD")
    source.write_text("a = 2\n")
    assert commit(source) == f"{head}-dirty"


def test_a_file_that_the_checkout_around_it_does_not_track_has_no_commit(source: Path) -> None:
    installed = source.parent / "venv" / "module.py"
    installed.parent.mkdir()
    installed.write_text("a = 1\n")
    assert commit(installed) is None


def test_the_repository_of_a_calling_hook_is_ignored(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = git(source.parent, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(source.parent / "elsewhere"))
    assert commit(source) == head


def test_without_git_there_is_no_commit(source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert commit(source) is None
