"""Sequences of frames: their masks, and which prediction a reference was matched with before.

Conventions: `b` sequences of `t` frames, `n` references and `m` predictions in each. A slot of the predictions is one
track for its whole sequence. A slot of the references is one source, unless `identity` says otherwise.
"""

import torch
from torch import Tensor

from hnetzoo.association.masking import allowed_pairs
from hnetzoo.errors import ShapeError


def full_sequence_masks(
    distance: Tensor, reference_mask: Tensor | None, prediction_mask: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Return the masks of sequences after checking their shapes; all True in place of None.

    Args:
        distance: Float [b, t, n, m].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.

    Returns:
        Bool [b, t, n] and bool [b, t, m].

    Raises:
        ShapeError: If distance does not have four axes, or a mask does not fit it.

    Example:
        >>> [mask.shape for mask in full_sequence_masks(torch.rand(1, 5, 2, 3), None, None)]
        [torch.Size([1, 5, 2]), torch.Size([1, 5, 3])]
    """
    if distance.ndim != 4:
        raise ShapeError(f"expected sequences [b, t, n, m], got {list(distance.shape)}; add the missing axes")
    b, t, n, m = distance.shape
    masks = []
    for name, mask, size in (("reference_mask", reference_mask, n), ("prediction_mask", prediction_mask, m)):
        if mask is None:
            mask = torch.ones(b, t, size, dtype=torch.bool, device=distance.device)
        elif mask.shape != (b, t, size) or mask.dtype != torch.bool:
            found = f"{mask.dtype} {list(mask.shape)}".removeprefix("torch.")
            raise ShapeError(f"{name} is {found}; sequences {[b, t, n, m]} need bool {[b, t, size]}")
        masks.append(mask)
    return masks[0], masks[1]


def within_sequences(association: Tensor, distance: Tensor, reference_mask: Tensor, prediction_mask: Tensor) -> Tensor:
    """Return a given association, cleared where these sequences do not allow a pair.

    Args:
        association: Bool, or float in [0, 1], [b, t, n, m].
        distance: Float [b, t, n, m]; +inf forbids a pair.
        reference_mask: Bool [b, t, n].
        prediction_mask: Bool [b, t, m].

    Returns:
        The association, 0 outside the masks and for forbidden pairs.

    Raises:
        ShapeError: If the association does not fit the distances.
        DataError: If a distance inside the masks is NaN.

    Example:
        >>> distance, mask = torch.tensor([[[[0.1, torch.inf]]]]), torch.ones(1, 1, 2, dtype=torch.bool)
        >>> within_sequences(torch.ones(1, 1, 1, 2), distance, mask[..., :1], mask).tolist()
        [[[[1.0, 0.0]]]]
    """
    if association.shape != distance.shape:
        shape = list(distance.shape)
        raise ShapeError(f"association is {list(association.shape)}; sequences {shape} need {shape}")
    allowed = allowed_pairs(*(x.flatten(0, 1) for x in (distance, reference_mask, prediction_mask)))
    allowed = allowed.view(distance.shape)
    return association & allowed if association.dtype == torch.bool else association.masked_fill(~allowed, 0)


def previous_match(association: Tensor, identity: Tensor | None = None) -> Tensor:
    """Return the prediction of the last match of each reference before each frame, however long ago.

    Args:
        association: Bool [b, t, n, m], at most one True per row.
        identity: Integer [b, t, n], the number of the source in the slot; None means one per slot. A source that
            returns after another one was matched in its slot has no last match.

    Returns:
        Bool [b, t, n, m]; a row is all False if its reference was not matched before that frame.

    Raises:
        ShapeError: If identity does not fit the association.

    Example:
        >>> association = torch.tensor([[1, 0], [0, 0], [0, 1]]).bool().view(1, 3, 1, 2)
        >>> previous_match(association).int().view(3, 2).tolist()
        [[0, 0], [1, 0], [1, 0]]
    """
    b, t, n, m = association.shape
    if identity is not None and identity.shape != (b, t, n):
        raise ShapeError(f"identity is {list(identity.shape)}; sequences {[b, t, n, m]} need {[b, t, n]}")
    frame = torch.arange(t, device=association.device).view(1, t, 1)
    latest = torch.where(association.any(-1), frame, -1).cummax(1).values  # [b, t, n]
    before = torch.cat((latest.new_full((b, 1, n), -1), latest), 1)[:, :t]
    known, frame = before >= 0, before.clamp(min=0)
    if identity is not None:
        known = known & (identity.gather(1, frame) == identity)
    last = association.gather(1, frame.unsqueeze(-1).expand(b, t, n, m))
    return last & known.unsqueeze(-1)
