"""The machine, package versions and commit that results were computed with. Torch-free."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("hnetzoo", "torch", "numpy", "scipy", "scikit-learn", "pluggy", "typer", "safetensors")
GIT_SECONDS = 10  # limit, so that a checkout on a slow disk does not delay a report


def environment() -> dict[str, Any]:
    """Return the machine (without its name), package versions, commit and time, to be stored with results.

    `date` is in UTC; `commit` is that of the source tree from which hnetzoo is imported, ending in "-dirty" if a
    tracked file was changed, and None outside a git checkout.
    """
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(Path(__file__)),
        "versions": versions(),
    }


def processor() -> str:
    """Return the model of the processor, or its architecture if the system does not report the model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """Return the installed versions of the packages that results depend on, by name."""
    return {name: version(name) for name in PACKAGES}


def commit(source: Path) -> str | None:
    """Return the commit of the checkout that tracks a file; None without git or if no checkout tracks it.

    Example:
        >>> commit(Path("/nowhere/file.py")) is None
        True
    """
    tracked = _git(source.parent, "ls-files", "--error-unmatch", source.name)
    if tracked is None:  # e.g. installed inside another project's checkout
        return None
    return _git(source.parent, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of a git command, run without optional locks; None if it fails."""
    # Inside a git hook, GIT_* variables name the repository of the hook.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=GIT_SECONDS,
            env=variables | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
