"""Follow pages of the documentation word by word: python docs/follow.py docs/guides/*.md docs/authors/*.md [--venv].

A page is followed from top to bottom, in an empty folder of its own:

- ```LANGUAGE file=NAME is written to NAME, or added to it if the page has written it before;
- ```console is run line by line; `python` and `hnetzoo` are those of this environment;
- ```python is executed; the blocks of a page share their names;
- ```text is what the block before it must print; "..." stands for anything, and runs of spaces are alike;
- every other block is only shown.

Behind the language, `needs=MODULE` leaves a block out where the module is not installed, and `network` marks one that
needs a package registry. What is left out is reported.
"""

import ast
import doctest
import io
import os
import re
import subprocess
import sys
import traceback
import venv
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from importlib import invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import typer

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^```([^\s`]+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LIKE_PRINTED = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Block(NamedTuple):
    """A fenced block: the line of its fence, its language, the options behind it, and what it holds."""

    line: int
    language: str
    options: Mapping[str, str]
    code: str


class Ended(NamedTuple):
    """The exit code of a command, and what it printed to both streams."""

    code: int
    output: str


class NotAsWrittenError(Exception):
    """A block did not do what its page says; the text names page and line."""


Command = Callable[[str], Ended]


def read_blocks(text: str) -> list[Block]:
    r"""Return the fenced blocks of a page.

    Example:
        >>> read_blocks("Write:\n```toml file=a.toml\nx = 1\n```\n")
        [Block(line=2, language='toml', options={'file': 'a.toml'}, code='x = 1\n')]
    """
    return [
        Block(text.count("\n", 0, match.start()) + 1, match[1], _options(match[2]), match[3])
        for match in _FENCE.finditer(text)
    ]


def _options(text: str) -> dict[str, str]:
    return {name: value for name, _, value in (word.partition("=") for word in text.split())}


def run_in_shell(line: str) -> Ended:
    """Run a command with bash; this environment's programs come first."""
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": programs, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-c", line], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return Ended(done.returncode, done.stdout)


class Page:
    """A page to be followed.

    Args:
        path: The Markdown file.
        command: Runs a line of a console block in the present folder.
        left_out: Says why a block is left out; None to follow it.
    """

    def __init__(
        self,
        path: Path,
        command: Command = run_in_shell,
        left_out: Callable[[Block], str | None] = lambda block: None,
    ) -> None:
        self.path, self.command, self.left_out = path, command, left_out
        self.name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)

    def follow(self, folder: Path) -> Iterator[str]:
        """Follow all blocks in a folder, and yield a line for each that is left out.

        Raises:
            NotAsWrittenError: At the first block that does not do what the page says.
        """
        names: dict[str, Any] = {"__name__": "__main__"}
        printed: str | None = None
        written: set[str] = set()
        with _importable(folder):
            for block in read_blocks(self.path.read_text(encoding="utf-8")):
                reason = _missing(block) or self.left_out(block)
                if reason is not None:
                    yield f"{self.name}:{block.line}: left out, {reason}"
                with chdir(folder):
                    printed = None if reason is not None else self._do(block, names, printed, written)

    def _do(self, block: Block, names: dict[str, Any], printed: str | None, written: set[str]) -> str | None:
        """Follow one block; return what it printed, None if it is not one that prints."""
        if "file" in block.options:
            _write(Path(block.options["file"]), block.code, written)
        elif block.language == "console":
            return "".join(self._run(place, line) for place, line in _lines(block))
        elif block.language == "python":
            return self._execute(block, names)
        elif block.language == "text" and printed is not None:
            self._compare(block, printed)
        return None

    def _run(self, place: int, line: str) -> str:
        code, output = self.command(line)
        invalidate_caches()  # it may have installed something
        if code != 0:
            raise NotAsWrittenError(f"{self.name}:{place}: '{line}' ended with exit code {code}\n{output}")
        return output

    def _execute(self, block: Block, names: dict[str, Any]) -> str:
        """Execute Python with the names of the page, and return what it printed; warnings are errors."""
        code = "\n" * block.line + block.code  # so that tracebacks count the lines of the page
        printed = io.StringIO()
        try:
            with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings():
                warnings.simplefilter("error")
                exec(compile(ast.parse(code), self.name, "exec"), names)
        except (Exception, SystemExit) as error:
            place = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == self.name]
            line = place[-1] if place else block.line
            raise NotAsWrittenError(f"{self.name}:{line}: {type(error).__name__}: {error}") from error
        return printed.getvalue()

    def _compare(self, block: Block, printed: str) -> None:
        if not doctest.OutputChecker().check_output(block.code, printed, _LIKE_PRINTED):
            raise NotAsWrittenError(f"{self.name}:{block.line}: expected\n{block.code}but this was printed\n{printed}")


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Let modules of a folder be imported, as Python does with the one that it starts in; forget them at the end."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        forget_modules(folder)


def forget_modules(folder: Path) -> None:
    """Forget the modules that were imported from a folder, so that others of their names can be."""
    for name, module in list(sys.modules.items()):
        places = [vars(module).get("__file__") or "", *(vars(module).get("__path__") or ())]
        if any(str(place).startswith(str(folder)) for place in places):
            del sys.modules[name]


def _missing(block: Block) -> str | None:
    """Return which module a block needs that is not installed, None if there is none."""
    needed = [name for name in block.options.get("needs", "").split(",") if name]
    absent = [name for name in needed if find_spec(name) is None]
    return f"{', '.join(absent)} not installed" if absent else None


def _write(path: Path, code: str, written: set[str]) -> None:
    """Write a file of a page, or add to it, with two empty lines between, if the page has written it before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    before = f"{path.read_text(encoding='utf-8')}\n\n" if str(path) in written else ""
    path.write_text(before + code, encoding="utf-8")
    written.add(str(path))


def _lines(block: Block) -> Iterator[tuple[int, str]]:
    """Yield the commands of a console block with the line of the page; a backslash continues a command."""
    command = ""
    for place, line in enumerate(block.code.splitlines(), block.line + 1):
        command += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        if command.strip() and not command.lstrip().startswith("#"):
            yield place, command
        command = ""


def follow_pages(paths: list[Path]) -> int:
    """Follow pages with this environment, each in a new folder; print what was found, and return how many failed."""
    failed = 0
    for path in paths:
        page = Page(path.resolve())
        with TemporaryDirectory() as folder:
            try:
                for line in page.follow(Path(folder)):
                    typer.echo(line)
            except NotAsWrittenError as found:
                failed += 1
                typer.echo(f"FAILED {found}")
            else:
                typer.echo(f"{page.name}: as written")
    return failed


def follow_in_new_environment(paths: list[Path]) -> int:
    """Install the project into a new virtual environment, and follow pages there; return the exit code."""
    with TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / "bin" / "python"
        constraints = ROOT / "constraints.txt"
        torch = next(line for line in constraints.read_text().splitlines() if line.startswith("torch=="))
        install: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "-c", constraints, torch, ROOT]
        subprocess.run(install, check=True)
        return subprocess.run([python, __file__, *(path.resolve() for path in paths)], check=False).returncode


def main(
    pages: Annotated[list[Path], typer.Argument(help="Markdown files.", exists=True, dir_okay=False)],
    new: Annotated[bool, typer.Option("--venv", help="Follow them in a new virtual environment.")] = False,
) -> None:
    """Follow pages of the documentation word by word, and say where they are wrong."""
    if new:
        raise typer.Exit(follow_in_new_environment(pages))
    raise typer.Exit(1 if follow_pages(pages) else 0)


if __name__ == "__main__":
    typer.run(main)
