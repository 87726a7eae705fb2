"""Fixtures for tests of commands."""

import signal
import sys
from pathlib import Path

import pytest

from hnetzoo.cli import main

pytest.register_assert_rewrite("tests.cli.outcome")

from tests.cli.outcome import Outcome, Run  # noqa: E402


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return a function that runs a command in an empty folder, as `hnetzoo ARGUMENTS` would."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    handler = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["hnetzoo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        signal.signal(signal.SIGTERM, handler)
        out, err = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), out, err)

    return call
