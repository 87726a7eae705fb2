"""Run Python in a process of its own, with the same import path and, if asked, another order of sets."""

import os
import subprocess
import sys

SECONDS = 300  # far more than an import, or one split of a dataset, takes


def run_fresh(code: str, *arguments: str, hash_seed: int | None = None) -> "subprocess.CompletedProcess[str]":
    """Return the ended process that ran `code`.

    Args:
        code: What `python -c` runs.
        arguments: Its sys.argv from the second on.
        hash_seed: PYTHONHASHSEED, which decides the order of sets of texts; None leaves it.

    Returns:
        Its exit status and its output as text.

    Raises:
        subprocess.TimeoutExpired: If it takes more than SECONDS.
    """
    changed = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    if hash_seed is not None:
        changed["PYTHONHASHSEED"] = str(hash_seed)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, **changed},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
