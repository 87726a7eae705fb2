"""Checks of the values of problems: what masks, activity and truth say must fit together."""

from collections.abc import Mapping

from torch import Tensor

from hnetzoo.association.batch import TRUTHS, valid_cells
from hnetzoo.errors import DataError


def check_values(where: str, fields: Mapping[str, Tensor], *, first: int = 0) -> None:
    """Check fields of `hnetzoo.AssociationBatch` that are in a file or folder.

    Args:
        where: Names the file or folder in errors, as "'mine.npz'".
        fields: By name; those that are absent are not checked, but distance and masks are required.
        first: Index of the first of these problems among all of them.

    Raises:
        DataError: If values contradict the masks or each other; it names the field and the first such place.
    """
    sides = {"row": fields["row_mask"], "col": fields["col_mask"]}
    valid = valid_cells(*sides.values())
    for side, mask in sides.items():
        features, active = fields.get(f"{side}_features"), fields.get(f"{side}_active")
        if features is not None:
            wrong = ~features.isfinite() & mask.unsqueeze(2)
            check_first(where, f"{side}_features", "a value that is not finite inside the masks", wrong, first)
        if active is not None:
            check_first(where, f"{side}_active", "a slot outside the mask", active & ~mask, first)
    if "truth" in fields:
        unknown = (fields["truth"] < -1) | (fields["truth"] >= len(TRUTHS))
        check_first(where, "truth", f"a number other than -1 to {len(TRUTHS) - 1}", unknown, first)
    if "probability" in fields:
        wrong = improbable(fields["probability"]) & valid
        check_first(where, "probability", "a value outside 0..1 inside the masks", wrong, first)
    check_first(where, "distance", "a NaN inside the masks", fields["distance"].isnan() & valid, first)
    if "association" in fields:
        truth = fields["association"]
        check_first(where, "association", "a pair outside the masks", truth & ~valid, first)
        for axis, line in ((2, "row"), (1, "column")):
            check_first(where, "association", f"more than one pair in a {line}", truth.sum(axis) > 1, first)


def improbable(probability: Tensor) -> Tensor:
    """Return where a value is no probability, bool of the same shape.

    Example:
        >>> import torch
        >>> improbable(torch.tensor([0.0, 1.0, 1.1, float("nan")])).tolist()
        [False, False, True, True]
    """
    return ~((probability >= 0) & (probability <= 1))


def check_first(where: str, name: str, what: str, wrong: Tensor, first: int = 0) -> None:
    """Raise DataError that names the first place where a field is wrong; bool [b, ...]."""
    if bool(wrong.any()):
        problem, *place = wrong.nonzero()[0].tolist()
        raise DataError(f"{where}: {name} has {what}, first at index {[problem + first, *place]}; correct the file")
