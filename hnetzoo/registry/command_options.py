"""Settings as options of a command line. Torch-free."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hnetzoo.registry.components import Component, configure
from hnetzoo.registry.paths import hide_folders
from hnetzoo.registry.specs import Spec

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(value: Any) -> str:
    """Return a setting's value as --set reads it; texts are unchanged, and None inside a table is left out.

    Example:
        >>> as_toml([1, 2]), as_toml(True), as_toml("a.npz"), as_toml([{"share": 0.5, "dataset": "doa"}])
        ('[1,2]', 'true', 'a.npz', '[{share=0.5,dataset="doa"}]')
    """
    return value if isinstance(value, str) else _inline(value)


def set_values(component: Component[Spec], given: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of --set that lead to a component's settings, as "model.hidden_size=32".

    Args:
        component: The declaration and its settings.
        given: Settings that the command gets otherwise, from a file; they are not repeated.
    """
    kind, config = component.spec.kind, component.config
    changed = hide_folders(type(config), config.model_dump(mode="json", exclude_defaults=True))
    file = configure(component.spec, {**component.settings, **given}).settings
    for name, value in hide_folders(type(config), component.settings).items():
        differs = file[name] != component.settings[name] if name in given else name in changed
        if differs and value is not None:  # None cannot be written
            yield f"{kind}.{name}={as_toml(changed.get(name, value))}"


def _inline(value: Any) -> str:
    """Return a JSON value as TOML on one line."""
    if isinstance(value, Mapping):
        pairs = ((name if _BARE_KEY.fullmatch(name) else json.dumps(name), item) for name, item in value.items())
        return f"{{{','.join(f'{name}={_inline(item)}' for name, item in pairs if item is not None)}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_inline, value))}]"
    return str(value) if isinstance(value, float) and not math.isfinite(value) else json.dumps(value)
