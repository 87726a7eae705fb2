"""Help and shell completion of every command."""

import pytest

from hnetzoo.cli.app import app
from tests.cli.outcome import Run

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_the_short_option_for_help_is_as_good_as_the_long_one(run: Run, command: list[str]) -> None:
    short, long = run(*command, "-h"), run(*command, "--help")
    assert (short.code, short.err) == (0, "")
    assert short.out == long.out
    assert "Usage: hnetzoo" in short.out


def test_commands_are_completed_by_the_shell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_HNETZOO_COMPLETE", "source_bash")
    assert "complete -o default -F" in run().out
    monkeypatch.setenv("_HNETZOO_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "hnetzoo be")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert run().out.split() == ["benchmark"]
