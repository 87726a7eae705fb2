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
        reference: Integer [b, t, n], the source in the slot.
        prediction: Integer [b, t, m], the track in the slot.
        life: Integer [b, t, n]; a reference whose life differs from that of its last match counts as a new source.
        moving: Whether a source or a track may change its slot.
    """

    reference: Tensor
    prediction: Tensor
    life: Tensor
    moving: bool

    def carry_over(self, pairs: Tensor, frame: int) -> Tensor:
        """Return the pairs of the frame before, bool [b, n, m], in the slots of this frame, bool [b, n, m]."""
        now, before = (self._at(time) for time in (frame, frame - 1))
        if not self.moving:
            return pairs & (now[2] == before[2]).unsqueeze(-1)
        rows = (now[0].unsqueeze(2) == before[0].unsqueeze(1)) & (now[2].unsqueeze(2) == before[2].unsqueeze(1))
        columns = before[1].unsqueeze(2) == now[1].unsqueeze(1)
        return (rows.float() @ pairs.float() @ columns.float()) > 0

    def count_switches(self, pairs: Tensor) -> int:
        """Return the number of pairs, bool [b, t, n, m], whose reference was last matched with another track."""
        sequence, frame, row, column = pairs.nonzero(as_tuple=True)
        reference, life = (owner[sequence, frame, row] for owner in (self.reference, self.life))
        track = self.prediction[sequence, frame, column]
        events = torch.stack((sequence, reference, life, frame, track)).cpu().numpy()
        events = events[:, np.lexsort((events[3], events[1], events[0]))]  # by sequence, reference and frame
        same = (events[:3, 1:] == events[:3, :-1]).all(0)
        return int((same & (events[4, 1:] != events[4, :-1])).sum())

    def _at(self, frame: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.reference[:, frame], self.prediction[:, frame], self.life[:, frame]


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
        moving=not (reference_identity is None and prediction_identity is None),
    )


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
