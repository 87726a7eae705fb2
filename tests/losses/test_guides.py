"""The guides to the losses do what they say, block by block."""

import contextlib
import doctest
import io
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

GUIDES = Path(__file__).parent.parent.parent / "docs" / "guides"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("guide", ["dcase", "layer"])
def test_a_guide_works_as_written(guide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python is executed, files are written, and what is printed is compared; Lightning runs where it is installed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, object] = {}
    printed: str | None = None
    for language, options, code in BLOCK.findall((GUIDES / f"{guide}.md").read_text()):
        if "file=" in options:
            (tmp_path / options.split("file=")[1]).write_text(code)
        elif language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(code, guide, "exec"), names)
            printed = output.getvalue()
        elif language == "console":
            printed = run(code) if find_spec("lightning") else None
        elif language == "text" and printed is not None:
            assert doctest.OutputChecker().check_output(code, printed, FLAGS), printed
    sys.modules.pop("localizer", None)


def run(code: str) -> str:
    program, *arguments = code.split()
    assert program == "python"
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr
