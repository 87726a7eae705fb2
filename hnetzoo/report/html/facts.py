"""When, where and with which versions something was made, as pairs of words and values."""

from collections.abc import Mapping
from typing import Any

SHOWN_DIGITS = 12  # of a commit
Facts = Mapping[str, str]


def made(environment: Mapping[str, Any]) -> Facts:
    """Return what an environment says, in words; what it does not say is left out.

    Example:
        >>> made({"date": "2026-11-23T21:10:11+00:00", "cores": 2, "system": "Linux"})
        {'made': '2026-11-23 21:10 UTC', 'machine': 'Linux, 2 cores'}
    """
    versions = [f"{name} {number}" for name, number in environment.get("versions", {}).items()]
    anew = [f"{', '.join(e['models'])} at {e['commit'][:SHOWN_DIGITS]}" for e in environment.get("redone", ())]
    facts = {
        "made": _minute(str(environment.get("date") or "")),
        "commit": str(environment.get("commit") or "")[:SHOWN_DIGITS],
        "machine": _machine(environment),
        "python": str(environment.get("python") or ""),
        "versions": ", ".join(versions),
        "run anew": "; ".join(anew),
    }
    return {name: text for name, text in facts.items() if text}


def _machine(environment: Mapping[str, Any]) -> str:
    parts = [environment.get("processor"), environment.get("system")]
    for key, noun in (("cores", "core"), ("threads", "thread")):
        number = environment.get(key)
        parts.append(f"{number} {noun}{'' if number == 1 else 's'}" if number else None)
    return ", ".join(str(part) for part in parts if part)


def _minute(date: str) -> str:
    """Return a date in ISO format without seconds."""
    day, _, time = date.partition("T")
    return f"{day} {time[:5]}{' UTC' if time.endswith('+00:00') else ''}" if time else day
