"""Warn where problems lie outside the scope of a model's weights."""

import warnings
from typing import Any

from torch import Tensor, nn

from hnetzoo.association.coverage import Coverage, outside
from hnetzoo.association.masking import checks_values
from hnetzoo.errors import ScopeWarning
from hnetzoo.registry.scope import INSTEAD, Scope

_warned: set[tuple[str, str]] = set()  # weights and what was outside, in this process


class ScopeCheck:
    """A forward hook that warns once per process of each way in which problems are outside a scope.

    Args:
        scope: That of the weights.
        weights: Their name, for the warning.
    """

    def __init__(self, scope: Scope, weights: str) -> None:
        self.scope, self.weights = scope, weights

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Check the arguments of a forward call, unless value checks are off."""
        if not checks_values():
            return
        distance, row_mask, col_mask = (
            arguments[place] if len(arguments) > place else named.get(name)
            for place, name in enumerate(("distance", "row_mask", "col_mask"))
        )
        given = [value for value in (distance, row_mask, col_mask) if value is not None]
        if not all(isinstance(value, Tensor) for value in given) or distance is None or distance.ndim != 3:
            return  # the model itself says what is wrong
        seen = Coverage(self.scope.slots, self.scope.masks, self.scope.distances)
        found = [kind for kind in outside(seen, distance, row_mask, col_mask) if (self.weights, kind) not in _warned]
        if found:
            _warned.update((self.weights, kind) for kind in found)
            warnings.warn(self._message(found), ScopeWarning, stacklevel=3)

    def _message(self, found: list[str]) -> str:
        low, high = self.scope.slots
        trained = {
            "slots": f"{low} to {high} slots a side" if low < high else f"{low} slots a side",
            "masks": "problems without masked slots",
            "distances": f"distances of {self.scope.ranges} {self.scope.unit}",
        }
        seen = ", ".join(trained[kind] for kind in found)
        return f"weights '{self.weights}' are for {seen}, and these problems are others; {INSTEAD}"


def watch_scope(module: nn.Module, scope: Scope | None, weights: str) -> None:
    """Let a model warn where problems are outside the scope of its weights."""
    if scope is not None:
        module.register_forward_pre_hook(ScopeCheck(scope, weights), with_kwargs=True)
