"""Provenance of numbers: plugins, their origin, and digests of source code. Torch-free."""

import json
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from hnetzoo.digests import digest_sources
from hnetzoo.registry.environment import commit, versions
from hnetzoo.registry.lookup import Registry
from hnetzoo.registry.specs import Spec

CORE = "hnetzoo"
UNRELATED = ("cli", "legacy", "report", "testing")  # packages of the core that change no number

Code = Mapping[str, str]
"""Digests of the packages that numbers depend on, and versions of libraries, by name."""


class Sources:
    """Digests of source code, each package read once; `plugins` has version and origin of all that were involved."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.plugins: dict[str, dict[str, str]] = {}
        self._digests = {CORE: digest_sources(CORE, without=UNRELATED)}
        self._versions = {f"version of {name}": number for name, number in versions().items()}
        self._known: dict[tuple[tuple[str, str], ...], Code] = {}

    def digests(self, *specs: Spec) -> Code:
        """Return the digests of the core and of the packages of specs, and the versions of the libraries."""
        names = tuple((spec.kind, spec.name) for spec in specs)
        if names not in self._known:
            self._known[names] = self._digests_of(specs)
        return self._known[names]

    def _digests_of(self, specs: Iterable[Spec]) -> Code:
        packages = {CORE}
        for spec in specs:
            plugin = self.registry.provider(spec)
            if plugin.id not in self.plugins:
                self.plugins[plugin.id] = {"version": plugin.version, "origin": origin(plugin.distribution)}
            packages |= {target.partition(":")[0].partition(".")[0] for target in (plugin.target, *spec.targets)}
        for package in packages - self._digests.keys():
            self._digests[package] = digest_sources(package)
        return {package: self._digests[package] for package in sorted(packages)} | self._versions


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
    """Return the origin of a direct installation by its record (PEP 610)."""
    url, revision = record.get("url", ""), record.get("vcs_info", {}).get("commit_id")
    if not url.startswith("file:"):
        return f"{url} at {revision}" if revision else url
    if "archive_info" in record:
        return f"archive {Path(unquote(urlsplit(url).path)).name}"
    found = commit(Path(unquote(urlsplit(url).path)) / "pyproject.toml")
    return f"checkout at {found}" if found else "folder"
