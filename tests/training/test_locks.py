"""A run directory has one owner at a time."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from hnetzoo.errors import ConfigError
from hnetzoo.training.locks import owned
from hnetzoo.training.runs import LOCK

HOLD = """
import sys, time
from pathlib import Path
from hnetzoo.training.locks import owned
with owned(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that owns the directory "run"."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_owner_is_refused_with_the_name_of_the_first(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    refused = pytest.raises(ConfigError, match=rf"run' is in use by process {holder.pid} on \S+; wait for it")
    with holder:
        with refused, owned(tmp_path / "run"):
            pytest.fail("owned twice")
        holder.kill()


def test_an_owner_that_has_not_written_its_name_yet_is_named_all_the_same(tmp_path: Path) -> None:
    with owned(tmp_path):
        pass  # an earlier owner
    with FileLock(tmp_path / LOCK):
        later = threading.Timer(0.1, (tmp_path / LOCK).write_text, ("process 7 on elsewhere",))
        later.start()
        with pytest.raises(ConfigError, match="is in use by process 7 on elsewhere; wait"), owned(tmp_path):
            pytest.fail("owned twice")
        later.join()


def test_a_killed_owner_leaves_the_directory_free(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with holder:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        with owned(tmp_path / "run"):
            pass


def test_one_who_waits_owns_the_directory_when_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []

    def second() -> None:
        with owned(tmp_path, wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    with owned(tmp_path):
        thread.start()
        thread.join(timeout=0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_an_error_inside_leaves_the_directory_free(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), owned(tmp_path):
            raise ZeroDivisionError
