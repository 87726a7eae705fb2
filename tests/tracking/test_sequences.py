"""Last matches against a loop over the frames in Python."""

from itertools import product

import pytest
import torch
from torch import Tensor

from hnetzoo import ShapeError
from hnetzoo.tracking.sequences import full_sequence_masks, previous_match


def walk(association: Tensor, identity: Tensor) -> Tensor:
    """Return the last matches, from a record of the last match of every slot and its source."""
    b, t, n, m = association.shape
    found = torch.zeros(b, t, n, m, dtype=torch.bool)
    for sequence, slot in product(range(b), range(n)):
        last: tuple[int, int] | None = None
        for frame in range(t):
            source = int(identity[sequence, frame, slot])
            if last is not None and last[0] == source:
                found[sequence, frame, slot, last[1]] = True
            for column in range(m):
                if association[sequence, frame, slot, column]:
                    last = source, column
    return found


def random_associations(b: int, t: int, n: int, m: int, generator: torch.Generator) -> Tensor:
    """Return an association with at most one True per row; about half of the rows are empty."""
    column = torch.randint(0, max(2 * m, 1), (b, t, n, 1), generator=generator)
    return column == torch.arange(m)


@pytest.mark.parametrize("shape", [(3, 9, 2, 3), (1, 1, 2, 2), (2, 5, 0, 2), (2, 5, 2, 0), (2, 0, 2, 2), (0, 3, 2, 2)])
def test_the_last_match_is_remembered_through_gaps(shape: tuple[int, ...], generator: torch.Generator) -> None:
    association = random_associations(*shape, generator)
    assert torch.equal(previous_match(association), walk(association, torch.zeros(shape[:3])))


def test_a_new_source_in_a_slot_has_no_last_match(generator: torch.Generator) -> None:
    association = random_associations(4, 12, 2, 3, generator)
    identity = torch.randint(0, 2, (4, 12, 2), generator=generator).sort(1).values
    assert torch.equal(previous_match(association, identity), walk(association, identity))
    assert not torch.equal(previous_match(association, identity), previous_match(association))


def test_absent_masks_are_all_true() -> None:
    rows, columns = full_sequence_masks(torch.rand(2, 3, 4, 5), None, torch.zeros(2, 3, 5, dtype=torch.bool))
    assert rows.shape == (2, 3, 4)
    assert rows.all()
    assert not columns.any()


@pytest.mark.parametrize(
    ("shape", "mask", "message"),
    [
        ((3, 2, 2), None, r"^expected sequences \[b, t, n, m\], got \[3, 2, 2\]; add the missing axes$"),
        ((1, 3, 2, 2), torch.ones(1, 3, 3).bool(),
         r"^reference_mask is bool \[1, 3, 3\]; sequences \[1, 3, 2, 2\] need bool \[1, 3, 2\]$"),
        ((1, 3, 2, 2), torch.ones(1, 3, 2),
         r"^reference_mask is float32 \[1, 3, 2\]; sequences \[1, 3, 2, 2\] need bool \[1, 3, 2\]$"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(shape: tuple[int, ...], mask: Tensor | None, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        full_sequence_masks(torch.rand(shape), mask, None)


def test_an_identity_that_does_not_fit_is_named() -> None:
    with pytest.raises(ShapeError, match=r"^identity is \[1, 3\]; sequences \[1, 3, 2, 2\] need \[1, 3, 2\]$"):
        previous_match(torch.zeros(1, 3, 2, 2, dtype=torch.bool), torch.zeros(1, 3))
