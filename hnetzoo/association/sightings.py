"""When the tracks of frames were seen before.

Conventions: `f` frames of `s` slots.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def earlier_sightings(identity: Ints, known: Bools, longest: int, links: Bools | None = None) -> tuple[Ints, Ints]:
    """Return for each slot how many frames ago, and in which slot, its track was first seen in its last frames.

    Args:
        identity: Which track a slot is of, [f, s] or, if it has several parts, [f, s, k].
        known: Which slots have an identity, [f, s].
        longest: How many frames to look back.
        links: Which slot of the frame before a slot without identity continues, [f - 1, s, s], the later frame first;
            such tracks are followed from frame to frame. None: they were not seen before.

    Returns:
        Frames ago [f, s], 0 if the track was not seen, and the slot [f, s].

    Example:
        >>> identity = np.array([[4, 7], [7, 4], [9, 4]])
        >>> age, slot = earlier_sightings(identity, np.ones((3, 2), bool), longest=2)
        >>> age.tolist(), slot.tolist()
        ([[0, 0], [1, 1], [0, 2]], [[0, 0], [1, 0], [0, 0]])
    """
    names = identity[..., None] if identity.ndim == 2 else identity
    ago, slot = np.zeros(known.shape, np.int64), np.zeros(known.shape, np.int64)
    chain = None if links is None else links & ~known[1:, :, None]
    for age in range(1, min(longest, len(known) - 1) + 1):
        same = (names[age:, :, None] == names[:-age, None, :]).all(-1)
        same &= known[age:, :, None] & known[:-age, None, :]
        if chain is not None and links is not None:
            same |= chain
            chain = (chain[1:].astype(np.float32) @ links[: len(chain) - 1]) > 0
        found = same.any(2)
        ago[age:][found] = age
        slot[age:][found] = same.argmax(2)[found]
    return ago, slot
