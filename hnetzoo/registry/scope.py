"""What a set of weights is for, as data. Torch-free."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hnetzoo.errors import CheckpointError

INSTEAD = "use 'sinkhorn', which takes any size, mask and unit, or train on such problems"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a set of weights is for: what it was trained on, or less; other problems may be answered wrongly.

    Fields:
        slots: The fewest and the most existing slots of a side.
        masks: Whether slots were masked.
        unit: The unit of the distances.
        distances: Ranges [low, high] of the distances, ascending.
        truth: What a true pair means: "assignment" (all that can be paired is), "activity" (active slots are paired),
            "identity" (both are of one source), or a text of the dataset's; several with commas between.
        tasks: The datasets trained on.
        seeds: The seeds of their training splits.

    Example:
        >>> scope = Scope(slots=(1, 4), masks=True, unit="chord", distances=((0.0, 2.0),), truth="identity")
        >>> print(scope)
        1-4 slots, masks, 0..2 chord, identity
    """

    slots: tuple[int, int]
    masks: bool
    unit: str
    distances: tuple[tuple[float, float], ...]
    truth: str = ""
    tasks: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return it in one line."""
        low, high = self.slots
        slots = f"{low} slots" if low == high else f"{low}-{high} slots"
        parts = (slots, "masks" if self.masks else "no masks", f"{self.ranges} {self.unit}", self.truth)
        return ", ".join(part for part in parts if part)

    def means(self, truth: str) -> bool:
        """Return whether a true pair meant this in the training; True where either side does not say.

        Example:
            >>> Scope(slots=(2, 2), masks=False, unit="m", distances=(), truth="activity, identity").means("assignment")
            False
        """
        return not (self.truth and truth) or set(truth.split(", ")) <= set(self.truth.split(", "))

    @property
    def ranges(self) -> str:
        """The ranges of the distances, as "0..2 or 14..310"."""
        return " or ".join(f"{low:.3g}..{high:.3g}" for low, high in self.distances) or "none"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], source: str) -> "Scope | None":
        """Return the scope of a card or run record, None for an empty one; raises CheckpointError naming the source."""
        if not document:
            return None
        try:
            low, high = document["slots"]
            return cls(
                slots=(int(low), int(high)),
                masks=bool(document["masks"]),
                unit=str(document["unit"]),
                distances=tuple((float(least), float(most)) for least, most in document["distances"]),
                truth=str(document.get("truth", "")),
                tasks=tuple(document.get("tasks", ())),
                seeds=tuple(document.get("seeds", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the scope in '{source}' is damaged ({error}); restore it or train again") from None
