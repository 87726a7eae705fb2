"""Tables of what differs between sources: settings, versions and machine, problems."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hnetzoo.report.shared_tasks import shared_tasks
from hnetzoo.report.sources import Source
from hnetzoo.report.tables import ABSENT, Table
from hnetzoo.training.runs import CIRCUMSTANCES, RunRecord

DIGITS = 12  # shown of a commit or sha256
_DIGEST = re.compile(rf"\b([0-9a-f]{{{DIGITS}}})[0-9a-f]{{28,}}\b")
_OF_NO_INTEREST = ("date", "redone")  # of an environment

Values = Mapping[str, Any]


def settings_table(runs: Sequence[Source]) -> Table:
    """Return the settings that differ between runs; the digests of their data are settings too."""
    rows = _differing([_settings(source.run) for source in runs if source.run])
    return Table(
        title="Settings that differ",
        caption="Everything else that the runs were started with is the same." if rows else "",
        columns=("setting", *(source.label for source in runs)),
        rows=rows or _none("no setting differs", runs),
    )


def origin_table(sources: Sequence[Source]) -> Table:
    """Return the versions, commit and machine that differ, as far as two sources state them."""
    values = [_origin(source) for source in sources]
    return Table(
        title="Versions and machine that differ",
        caption="",
        columns=("made with", *(source.label for source in sources)),
        rows=_differing(values, stated=True) or _none("nothing differs", sources),
    )


def problems_table(sources: Sequence[Source]) -> Table:
    """Return the digests of the test problems, a row for each task and seed."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for name, parts in shared_tasks(sources).items():
        for source, label in parts:
            for seed, digest in source.digests(label).items():
                rows.setdefault((name, seed), {})[source.label] = digest[:DIGITS]
    return Table(
        title="Test problems",
        caption=_sameness([list(digests.values()) for digests in rows.values()], len(sources)),
        columns=("task", *(source.label for source in sources)),
        rows=tuple(
            (f"{name}, seed {seed}", *(digests.get(source.label, ABSENT) for source in sources))
            for (name, seed), digests in rows.items()
        )
        or _none("no problems are known", sources),
    )


def _sameness(digests: Sequence[Sequence[str]], sources: int) -> str:
    """Return a sentence on the digests of each task and seed, "" if there are none."""
    if not digests:
        return ""
    if any(len(set(several)) > 1 for several in digests):
        return "Where digests (sha256) differ, problems do, and rows of different problems are never paired."
    if all(len(several) == sources for several in digests):
        return "All were tested on the same problems, as their digests (sha256) are equal."
    return f"What several were tested on is the same, as its digests (sha256) are equal; {ABSENT} was not tested."


def _settings(record: RunRecord) -> dict[str, Any]:
    """Return what a run was started with, as "trainer.epochs" and "data.train"."""
    fields = {name: value for name, value in asdict(record).items() if name not in CIRCUMSTANCES}
    tables = fields.pop("settings")
    for name in [name for name, value in fields.items() if isinstance(value, dict)]:
        tables[name] = fields.pop(name)
    return fields | {f"{section}.{key}": value for section, table in tables.items() for key, value in table.items()}


def _origin(source: Source) -> dict[str, Any]:
    """Return versions, commit and machine of a source by name, without its date."""
    known: dict[str, Any] = {}
    for name, value in source.report.environment.items():
        prefix = "plugin " if name == "plugins" else ""
        named = {f"{prefix}{key}": entry for key, entry in value.items()} if isinstance(value, dict) else {name: value}
        known |= {} if name in _OF_NO_INTEREST else named
    if source.run:
        known["threads"] = source.run.threads
    if devices := dict.fromkeys(str(row.timing["device"]) for row in source.report.rows if "device" in row.timing):
        known["device"] = ", ".join(devices)
    return known


def _differing(values: Sequence[Values], *, stated: bool = False) -> tuple[tuple[str, ...], ...]:
    """Return a row for each name whose values are not all equal; with `stated`, those that are missing do not count."""
    names = dict.fromkeys(name for one in values for name in one)
    rows = {name: [_text(one[name]) if name in one else ABSENT for one in values] for name in names}
    return tuple((name, *texts) for name, texts in rows.items() if len({*texts} - ({ABSENT} if stated else set())) > 1)


def _none(what: str, sources: Sequence[Source]) -> tuple[tuple[str, ...], ...]:
    return ((what, *("" for _ in sources)),)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(_text(entry) for entry in value.values())
    return _DIGEST.sub(r"\1", value if isinstance(value, str) else json.dumps(value))
