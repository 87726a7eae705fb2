"""Protection of libraries against installed distributions that cannot be read."""

import importlib.metadata
from collections.abc import Iterable
from importlib.metadata import Distribution
from typing import Any

all_distributions = importlib.metadata.distributions
"""Every installed distribution, readable or not."""


def ignore_unreadable_distributions() -> None:
    """Hide distributions whose entry points cannot be read from this process; for programs, never on import.

    pydantic looks for plugins when the first settings class is made, torch for device backends when it is imported,
    scikit-learn for data frames when it computes a metric. All call `importlib.metadata.entry_points`, which raises at
    the first entry_points.txt that is not UTF-8 or not in the format. `importlib.metadata.distributions` is replaced by
    a filtered one, and only if there is such a distribution. Unreadable METADATA files do no harm there.

    Example:
        >>> before = importlib.metadata.distributions
        >>> ignore_unreadable_distributions()
        >>> importlib.metadata.distributions is before  # all is readable here
        True
    """
    if not all(map(_readable, all_distributions())):
        importlib.metadata.distributions = _readable_distributions


def _readable_distributions(**criteria: Any) -> Iterable[Distribution]:
    return filter(_readable, all_distributions(**criteria))


def _readable(distribution: Distribution) -> bool:
    try:
        return distribution.entry_points is not None
    except Exception:  # whatever the parser raises
        return False
