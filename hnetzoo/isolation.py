"""Keep a distribution that cannot be read from breaking the libraries that hnetzoo stands on."""

import os
from collections.abc import MutableMapping
from importlib.metadata import Distribution, distributions

# pydantic looks for its plugins when the first settings class is made, and torch for device backends when it is
# imported. Both ask importlib.metadata for the entry points of all distributions, which gives up at the first
# entry_points.txt that is not UTF-8 or not in the format, whoever owns it. These variables are the documented ways to
# make them look for nothing. A METADATA file that cannot be read does no harm there: no name in it is needed.
_LOOK_FOR_NOTHING = {"PYDANTIC_DISABLE_PLUGINS": "__all__", "TORCH_DEVICE_BACKEND_AUTOLOAD": "0"}


def tolerate_unreadable_distributions(environment: MutableMapping[str, str] = os.environ) -> None:
    """Switch off the plugins of pydantic and torch if an installed distribution would make the search for them fail.

    Where all is readable, nothing is switched off; what the user has set stays as it is. It must be called before the
    first settings class is made and before torch is imported.

    Example:
        >>> environment = {}
        >>> tolerate_unreadable_distributions(environment)
        >>> environment
        {}
    """
    if not all(_readable(distribution) for distribution in distributions()):
        for name, value in _LOOK_FOR_NOTHING.items():
            environment.setdefault(name, value)


def _readable(distribution: Distribution) -> bool:
    try:
        return distribution.entry_points is not None
    except Exception:  # whatever the parser stumbles over
        return False
