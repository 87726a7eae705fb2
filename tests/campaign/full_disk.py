"""Commands on disks of every size: an error that says so, and with more room the same command goes on.

The disks are file systems in memory, which takes the rights to mount them; elsewhere nothing is run.
"""

import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.campaign.kills import BENCHMARK, TRAIN, rows_of, undisturbed_rows, undisturbed_training
from tests.campaign.trial import Case, Trial

SMALLEST_KIB, LARGEST_KIB = 4, 2048
EXHAUSTED = 5


def mountable() -> bool:
    """Return whether this process may mount file systems."""
    if shutil.which("mount") is None or shutil.which("umount") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yield `count` cases of growing disks, trainings and benchmarks in turn; none where nothing can be mounted."""
    if not mountable():
        return
    undisturbed_training(0), undisturbed_rows()
    for number in range(count):
        share = number / max(1, count - 1)
        size = round(SMALLEST_KIB * (LARGEST_KIB / SMALLEST_KIB) ** share)
        command = (TRAIN, BENCHMARK)[number % 2]
        yield Case(f"{command[0]} on {size} KiB", partial(_check, command=command, size=size))


def _check(trial: Trial, command: tuple[str, ...], size: int) -> None:
    disk = trial.folder / "disk"
    disk.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(disk))
    try:
        where = ("--runs", "disk/kept", "--json", "disk/b.json") if command is BENCHMARK else ("--out", "disk/r")
        environment = {"TMPDIR": str(disk)} if size % 2 else {}
        outcome = trial.run(*command, *where, environment=environment)
        trial.require(outcome.code in (0, EXHAUSTED), "exit code", f"{size} KiB: {outcome.code}: {outcome.err[-300:]}")
        _run("mount", "-o", "remount,size=64m", str(disk))
        again = trial.run(*command, *where, *(("--resume",) if _resumable(command, disk) else ()))
        trial.require(again.code == 0, "lost", f"with room again: {again.code}: {again.err[-300:]}")
        _require_whole(trial, command, disk)
    finally:
        _run("umount", "-l", str(disk))


def _resumable(command: tuple[str, ...], disk: Path) -> bool:
    return command is TRAIN and (disk / "r" / "run.json").is_file()


def _require_whole(trial: Trial, command: tuple[str, ...], disk: Path) -> None:
    if command is BENCHMARK:
        same = rows_of(disk / "b.json") == undisturbed_rows()
    else:
        same = (disk / "r" / "best.safetensors").read_bytes() == undisturbed_training(0)
    trial.require(same, "lost", "other results than on an empty disk")
    left = [path.name for path in disk.rglob("*.tmp")]
    trial.require(not left, "lost", f"temporary files {left}")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
