"""The application with all commands; expected errors are printed as one line and become an exit code.

0 success, 1 a check or benchmark failed, 2 wrong usage or settings, 3 broken plugin, 4 bad data or checkpoint, 5 out of
disk or memory, 130 interrupted, 143 terminated.
"""

import errno
import signal
import sys
import warnings
from types import FrameType
from typing import Annotated, NoReturn

import typer

from hnetzoo.cli.advise import advise_command
from hnetzoo.cli.associate import associate
from hnetzoo.cli.benchmark import benchmark
from hnetzoo.cli.check import check_command
from hnetzoo.cli.compare import compare_command
from hnetzoo.cli.doctor import doctor
from hnetzoo.cli.export import export_command
from hnetzoo.cli.generate import generate
from hnetzoo.cli.import_ import import_command
from hnetzoo.cli.list import list_command
from hnetzoo.cli.new import new_command
from hnetzoo.cli.output import print_warning
from hnetzoo.cli.publish import publish_command
from hnetzoo.cli.show import show
from hnetzoo.cli.track import track
from hnetzoo.cli.train import train
from hnetzoo.errors import ConfigError, HnetzooError, ResourceError, Terminated
from hnetzoo.files import reason

TERMINATED = 143
_OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "cannot allocate memory", "out of memory")
_EXHAUSTED = (errno.ENOSPC, errno.EDQUOT, errno.ENOMEM)

app = typer.Typer(
    name="hnetzoo",
    help="The zoo and the honest benchmark of differentiable association.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_command)
app.command("show")(show)
app.command("train")(train)
app.command("benchmark")(benchmark)
app.command("advise")(advise_command)
app.command("compare")(compare_command)
app.command("associate")(associate)
app.command("track")(track)
app.command("export")(export_command)
app.command("generate")(generate)
app.command("import")(import_command)
app.command("check")(check_command)
app.command("new")(new_command)
app.command("publish")(publish_command)
app.command("doctor")(doctor)


def run() -> None:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    warnings.showwarning = print_warning
    try:
        app(prog_name="hnetzoo")
    except HnetzooError as error:
        _fail(error)
    except (MemoryError, OSError, RuntimeError) as error:
        if _exhausted(error):
            _fail(ResourceError(f"out of memory or disk ({' '.join(str(error).split())}); free some and try again"))
        if not isinstance(error, OSError):
            raise
        name = error.filename2 or error.filename
        what = f"cannot use '{name}'" if name is not None else "the system refused"
        _fail(ConfigError(f"{what} ({reason(error)}); correct the path or its permissions"))


@app.callback(invoke_without_command=True)
def _options(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        import hnetzoo

        typer.echo(f"hnetzoo {hnetzoo.__version__}")
        raise typer.Exit


def _fail(error: HnetzooError) -> NoReturn:
    typer.echo(f"hnetzoo: error: {' '.join(str(error).splitlines())}", err=True)
    sys.exit(error.exit_code)


def _exhausted(error: Exception) -> bool:
    """Return whether disk or memory ran out; torch raises RuntimeError for failed allocations."""
    if isinstance(error, OSError):
        return error.errno in _EXHAUSTED
    if type(error).__name__ == "OutOfMemoryError" or isinstance(error, MemoryError):
        return True
    return any(text in str(error).lower() for text in _OUT_OF_MEMORY)


def _terminate(number: int, frame: FrameType | None) -> None:
    raise Terminated(TERMINATED)
