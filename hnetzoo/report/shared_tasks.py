"""Which tasks of several sources are the same, and which of them have the same problems."""

from collections.abc import Sequence
from typing import NamedTuple

from hnetzoo.report.sources import Source


class Part(NamedTuple):
    """A task of one source."""

    source: Source
    label: str


def shared_tasks(sources: Sequence[Source]) -> dict[str, list[Part]]:
    """Return the tasks of all sources by label; one with problems that came up before goes under the label of then."""
    tasks: dict[str, list[Part]] = {}
    names: dict[str, str] = {}  # of tasks, by the sha256 of their problems
    for source in sources:
        for label in _labels(source):
            digests = source.digests(label).values()
            name = next((names[digest] for digest in digests if digest in names), label)
            for digest in digests:
                names.setdefault(digest, name)
            tasks.setdefault(name, []).append(Part(source, label))
    return tasks


def problem_groups(parts: Sequence[Part]) -> list[list[Part]]:
    """Return the parts of a task in groups, which share no problems with each other."""
    groups: list[tuple[set[str], list[Part]]] = []
    for part in parts:
        digests, members = set(part.source.digests(part.label).values()), [part]
        for group in [group for group in groups if group[0] & digests]:
            groups.remove(group)
            digests, members = group[0] | digests, group[1] + members
        groups.append((digests, members))
    ordered = [sorted(members, key=parts.index) for _, members in groups]
    return sorted(ordered, key=lambda members: parts.index(members[0]))


def _labels(source: Source) -> list[str]:
    report = source.report
    named = [row.dataset for row in report.rows]
    named += [entry.dataset for entry in report.skipped] + [entry.dataset for entry in report.failed]
    return list(dict.fromkeys(named))
