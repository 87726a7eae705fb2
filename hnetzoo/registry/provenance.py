"""Where an installed distribution comes from. Torch-free."""

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hnetzoo.environment import commit


def origin(name: str) -> str:
    """Return where a distribution was installed from, without naming a folder of this machine.

    "index" is a package index; "checkout at COMMIT" a folder under git, COMMIT ending in "-dirty" where a tracked file
    was changed; "folder" any other; the rest an address. "unknown" where nothing is installed under that name.

    Example:
        >>> origin("no-such-distribution")
        'unknown'
    """
    try:
        recorded = distribution(name).read_text("direct_url.json")
    except PackageNotFoundError:
        return "unknown"
    return "index" if recorded is None else _described(json.loads(recorded))


def _described(record: dict[str, Any]) -> str:
    """Describe the record of a direct installation (PEP 610)."""
    url, revision = record.get("url", ""), record.get("vcs_info", {}).get("commit_id")
    if not url.startswith("file:"):
        return f"{url} at {revision}" if revision else url
    if "archive_info" in record:
        return f"archive {Path(unquote(urlsplit(url).path)).name}"
    found = commit(Path(unquote(urlsplit(url).path)) / "pyproject.toml")
    return f"checkout at {found}" if found else "folder"
