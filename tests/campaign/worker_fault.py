"""Kill one worker process of a command at a file operation, through what the interpreter imports at its start."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.campaign.faults import Operations

ARMED = ".armed"  # exists where a process was chosen to be killed
ROOT = Path(__file__).parents[2]
_VARIABLE = "HNETZOO_CAMPAIGN_FAULT"
_SITE = f"""
import os
from tests.campaign.worker_fault import arm
arm(os.environ[{_VARIABLE!r}])
"""


def killing_worker(folder: Path, at: int) -> Mapping[str, str]:
    """Return the environment in which a command's first worker is killed at its file operation `at` in a folder."""
    site = folder / ".site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_SITE)
    paths = [str(site), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), _VARIABLE: f"{at}:{folder}"}


def arm(text: str) -> None:
    """Install the fault in this process if it is the first worker; called while the interpreter starts."""
    at, _, folder = text.partition(":")
    command = " ".join(sys.orig_argv)
    if "loky" not in command or "resource_tracker" in command:
        return
    try:
        (Path(folder) / ARMED).touch(exist_ok=False)
    except FileExistsError:
        return
    Operations(int(at), "kill").install(Path(folder))
