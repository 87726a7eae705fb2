"""Which source or track is in which slot of a sequence: one per slot, or by number.

Conventions as in `hnetzoo.tracking.sequences`.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hnetzoo.errors import DataError, ShapeError


class Owners(NamedTuple):
    """The source or track in every slot, by numbers that are unique in the sequence.

    Fields:
        reference: Integer [b, t, n], the source in the slot; -1 may stand where there is none.
        prediction: Integer [b, t, m], the track in the slot, likewise.
        life: Integer [b, t, n]; a reference whose life differs from that of its last match counts as a new source.
    """

    reference: Tensor
    prediction: Tensor
    life: Tensor

    def moves(self) -> tuple[Tensor, Tensor]:
        """Return where sources come from and tracks go to, from each frame to the next one.

        Returns:
            The slot that the source of each slot was in one frame before, [b, t - 1, n], and the slot in which the
            track of each slot is one frame later, [b, t - 1, m]; -1 where it is in none, or its life is another one.
        """
        before = slots_of(self.reference[:, 1:], self.reference[:, :-1])
        same = look_up(self.life[:, :-1], before) == self.life[:, 1:]
        return before.where(same, -1), slots_of(self.prediction[:, :-1], self.prediction[:, 1:])

    def count_switches(self, pairs: Tensor) -> int:
        """Return the number of pairs, bool [b, t, n, m], whose reference was last matched with another track."""
        sequence, frame, row, column = pairs.nonzero(as_tuple=True)
        reference, life = (owner[sequence, frame, row] for owner in (self.reference, self.life))
        track = self.prediction[sequence, frame, column]
        events = torch.stack((sequence, reference, life, frame, track)).cpu().numpy()
        events = events[:, np.lexsort((events[3], events[1], events[0]))]  # by sequence, reference and frame
        same = (events[:3, 1:] == events[:3, :-1]).all(0)
        return int((same & (events[4, 1:] != events[4, :-1])).sum())


def owners(
    rows: Tensor,
    columns: Tensor,
    identity: Tensor | None,
    reference_identity: Tensor | None,
    prediction_identity: Tensor | None,
) -> Owners:
    """Return the sources and tracks in existing slots, masks bool [b, t, n] and [b, t, m].

    Raises:
        ShapeError: If an identity does not fit its mask.
        DataError: If a number is below 0 or occurs twice in a frame.
    """
    given = (("identity", identity, rows), ("reference_identity", reference_identity, rows))
    for name, numbers, mask in (*given, ("prediction_identity", prediction_identity, columns)):
        if numbers is not None and (numbers.shape != mask.shape or numbers.is_floating_point()):
            found = f"{numbers.dtype} {list(numbers.shape)}".removeprefix("torch.")
            raise ShapeError(f"{name} is {found}; give integers {list(mask.shape)}")
    return Owners(
        _numbered("reference_identity", reference_identity, rows),
        _numbered("prediction_identity", prediction_identity, columns),
        torch.zeros_like(rows, dtype=torch.int64) if identity is None else identity.long(),
    )


def slots_of(wanted: Tensor, numbers: Tensor) -> Tensor:
    """Return in which slot each wanted number is, int64 [..., k], among numbers [..., s]; -1 where it is in none.

    Example:
        >>> slots_of(torch.tensor([[4, 7, -1]]), torch.tensor([[7, 4, -1]])).tolist()
        [[1, 0, -1]]
    """
    if not numbers.shape[-1]:
        return torch.full_like(wanted, -1)
    ordered, slot = numbers.sort(-1)
    place = torch.searchsorted(ordered, wanted.contiguous()).clamp(max=numbers.shape[-1] - 1)
    found = (ordered.gather(-1, place) == wanted) & (wanted >= 0)
    return slot.gather(-1, place).where(found, -1)


def look_up(values: Tensor, slot: Tensor) -> Tensor:
    """Return the values, [..., s], of slots, [..., k]; -1 for slot -1.

    Example:
        >>> look_up(torch.tensor([[30, 40]]), torch.tensor([[1, -1]])).tolist()
        [[40, -1]]
    """
    if not values.shape[-1]:
        return torch.full_like(slot, -1)
    return values.gather(-1, slot.clamp(min=0)).where(slot >= 0, -1)


def _numbered(name: str, numbers: Tensor | None, mask: Tensor) -> Tensor:
    """Return the number of each slot: as given, but -1 outside the mask; without `numbers`, the index of the slot."""
    if numbers is None:
        return torch.arange(mask.shape[-1], device=mask.device).expand(mask.shape)
    numbers = torch.where(mask, numbers.long(), -1)
    ordered = numbers.sort(-1).values
    twice = (ordered[..., 1:] == ordered[..., :-1]) & (ordered[..., 1:] >= 0)
    wrong = (numbers < 0) & mask
    for places, what in ((twice.nonzero(), "a number is repeated"), (wrong.nonzero(), "a number is below 0")):
        if len(places):
            sequence, frame, _ = places[0].tolist()
            raise DataError(
                f"{name}: {what} in sequence {sequence}, frame {frame}; give numbers from 0, each once per frame"
            )
    return numbers
