"""What a benchmark document says of its models beside their rows."""

from typing import Any

from hnetzoo.benchmark.plan import Entrant
from hnetzoo.registry.paths import hide_folders
from hnetzoo.registry.resolution import Weights
from hnetzoo.registry.specs import NON_LEARNED


def describe(entrant: Entrant, plugin: str) -> dict[str, Any]:
    """Return the description of a model.

    Args:
        entrant: The model as it enters tasks.
        plugin: Who provides it, "distribution:entrypoint".

    Returns:
        {"model": its registered name, "plugin", "learned": whether it has something to learn, "settings": without
        absolute paths, "tuned": whether some of them are chosen on each task, "trained": whether it is trained on each
        task, "weights": those that it comes with, None where it has none}. Weights are {"name", "sha256": of their
        file, "" where their card does not say, "scope": what they are for, None likewise, "data": digests of the
        training and validation problems}.
    """
    chosen = entrant.choices[0]
    return {
        "model": entrant.spec.name,
        "plugin": plugin,
        "learned": NON_LEARNED not in entrant.spec.tags,
        "settings": hide_folders(type(chosen.component.config), chosen.component.settings),
        "tuned": len(entrant.choices) > 1,
        "trained": entrant.trainer is not None,
        "weights": _weights(chosen.weights) if chosen.weights else None,
    }


def _weights(weights: Weights) -> dict[str, Any]:
    return {
        "name": weights.name,
        "sha256": weights.sha256,
        "scope": weights.scope.to_json() if weights.scope else None,
        "data": dict(weights.data),
    }
