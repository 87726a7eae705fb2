"""DCASE's metrics of sound event localization and detection, for sequences with classes.

Conventions as in `hnetzoo.tracking.sequences`; angles in degrees.

| in the literature | here, of `seld_counts(...).scores(average, edition)` |
| --- | --- |
| F20, F20/1 | `.f1`, with the threshold 20, and the relative threshold 1 |
| ER20 | `.error_rate` |
| LE_CD, DOAE_CD [degrees] | `.localization_error` |
| LR_CD | `.localization_recall` |
| RDE_CD | `.relative_distance_error` |
| SELD score | `.seld_score` |
"""

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from hnetzoo.association.assignment import assign
from hnetzoo.errors import ConfigError, DataError, ShapeError
from hnetzoo.tracking.seld_counts import SeldCounts
from hnetzoo.tracking.sequences import full_sequence_masks

_COUNTED = ("references", "right", "misplaced", "missed", "false")


def seld_counts(
    angle: Tensor,
    reference_mask: Tensor | None = None,
    prediction_mask: Tensor | None = None,
    *,
    reference_class: Tensor,
    prediction_class: Tensor,
    classes: int,
    threshold: float = 20.0,
    reference_distance: Tensor | None = None,
    prediction_distance: Tensor | None = None,
    relative_threshold: float = torch.inf,
    segment: int = 1,
) -> SeldCounts:
    """Return the counts from which DCASE's scores are made.

    In every frame the references and predictions of a class are matched one to one, as many as possible, at the least
    total angle. A match is right if its angle, and the relative error of its source distance, do not exceed the
    thresholds. With one frame per segment (DCASE 2024 and later) that is all. With longer segments (until 2023: of one
    second, 10 frames of 100 ms) a class has in each segment as many references and predictions as in its fullest frame,
    the errors of a reference are averaged over the frames of the segment in which it was matched, and it counts once;
    references of a class are told apart by their order in each frame, as the challenge does, not by their slot. A class
    whose references and predictions share no frame of a segment has as many misses as predictions, as there.

    Args:
        angle: Float [b, t, n, m], angles between references and predictions [degrees].
        reference_mask: Bool [b, t, n]; None means all True.
        prediction_mask: Bool [b, t, m]; None means all True.
        reference_class: Integer [b, t, n], from 0 to classes - 1.
        prediction_class: Integer [b, t, m].
        classes: Number of classes.
        threshold: Largest angle of a right match [degrees].
        reference_distance: Float [b, t, n], distances of the sources [any unit], above 0; None if not known.
        prediction_distance: Float [b, t, m], estimated distances [the same unit].
        relative_threshold: Largest relative error of the distance of a right match; DCASE 2024 and 2025 use 1.
        segment: Frames per segment; the last one of a sequence may be shorter.

    Returns:
        The counts.

    Raises:
        ShapeError: If the shapes do not fit.
        ConfigError: If there are no classes, a segment has no frame, or only one side has distances.
        DataError: If a class or a distance inside the masks is not as stated, or an angle there is NaN.

    Example:
        >>> angle = torch.tensor([[[[5.0, 40.0]], [[90.0, 30.0]]]])  # one source, two predictions, two frames
        >>> kind = torch.zeros(1, 2, 2, dtype=torch.int64)
        >>> counts = seld_counts(angle, reference_class=kind[..., :1], prediction_class=kind, classes=1)
        >>> scores = counts.scores()
        >>> round(scores.f1, 3), scores.localization_error, scores.localization_recall
        (0.333, 17.5, 1.0)

    Source: A. Mesaros et al., "Joint measurement of localization and detection of sound events", WASPAA 2019;
    A. Politis et al., "Overview and evaluation of sound event localization and detection in DCASE 2019", IEEE/ACM TASLP
    2021, for several events of a class; D. A. Krause et al., EUSIPCO 2024, and DCASE 2024, task 3, for distances.
    """
    rows, columns = full_sequence_masks(angle, reference_mask, prediction_mask)
    if classes < 1 or segment < 1:
        raise ConfigError(f"classes is {classes} and segment {segment}; both must be at least 1")
    true, guessed = (
        _classes("reference_class", reference_class, rows, classes),
        _classes("prediction_class", prediction_class, columns, classes),
    )
    distances = _distances(reference_distance, prediction_distance, rows, columns)
    different = true.unsqueeze(-1) != guessed.unsqueeze(-2)
    cost = angle.masked_fill(different, torch.inf).flatten(0, 1)
    pairs = assign(cost, rows.flatten(0, 1), columns.flatten(0, 1)).view(angle.shape)
    events, estimates = (
        one_hot(kind, classes) * mask.unsqueeze(-1) for kind, mask in ((true, rows), (guessed, columns))
    )
    errors = _mean_errors(pairs, angle, distances, true, events, segment)
    right = (errors[0] <= threshold) & ~(errors[1] > relative_threshold)
    return _count(_fullest(events.sum(2), segment), _fullest(estimates.sum(2), segment), errors, right)


def _count(references: Tensor, predictions: Tensor, errors: tuple[Tensor, Tensor], right: Tensor) -> SeldCounts:
    """Return the counts, given the numbers of references and predictions, [b, s, c], and the matches.

    Angles and relative errors of matches are [b, s, c, n], with an infinite angle where there is none.
    """
    matched = errors[0].isfinite()
    matches, correct = matched.sum(-1), right.sum(-1)
    apart = (references > 0) & (predictions > 0) & (matches == 0)
    missed = torch.where(apart, predictions, (references - predictions).clamp(min=0))
    false = torch.where(apart, 0, (predictions - references).clamp(min=0))
    wrong, lost = (false + matches - correct).sum(-1), missed.sum(-1)  # [b, s]
    per_class = (references, correct, matches - correct, missed, false)
    totals = (error.masked_fill(~matched, 0.0).sum((0, 1, 3)).tolist() for error in errors)
    return SeldCounts(
        **dict(zip(_COUNTED, (tuple(count.sum((0, 1)).tolist()) for count in per_class), strict=True)),
        **dict(zip(("angle", "relative_distance"), map(tuple, totals), strict=True)),
        edits=(
            int(torch.minimum(wrong, lost).sum()),
            int((lost - wrong).clamp(min=0).sum()),
            int((wrong - lost).clamp(min=0).sum()),
        ),
    )


def _mean_errors(
    pairs: Tensor,
    angle: Tensor,
    distances: tuple[Tensor, Tensor] | None,
    kind: Tensor,
    present: Tensor,
    segment: int,
) -> tuple[Tensor, Tensor]:
    """Return angles and relative errors of references, float64 [b, s, c, n], in the mean over the frames of a segment.

    The last axis is the order of a reference among those of its class in a frame. Where it is matched in no frame, the
    angle is infinite.
    """
    b, t, n, classes = present.shape
    order = ((present.cumsum(2) - 1) * present).sum(-1)
    sequence, frame, row, column = pairs.nonzero(as_tuple=True)
    segments = -(-t // segment)
    place = (sequence * segments + frame // segment) * classes + kind[sequence, frame, row]
    place = place * n + order[sequence, frame, row]
    relative = angle.new_full(place.shape, torch.nan)
    if distances is not None:
        true, estimated = distances[0][sequence, frame, row], distances[1][sequence, frame, column]
        relative = (estimated - true).abs() / true
    shape = (b, segments, classes, n)
    number = torch.bincount(place, minlength=b * segments * classes * n)
    sums = (
        torch.bincount(place, error.double(), minlength=len(number)) / number.clamp(min=1)
        for error in (angle[pairs].detach(), relative.detach())
    )
    angles, relatives = (total.masked_fill(number == 0, torch.inf).view(shape) for total in sums)
    return angles, relatives


def _fullest(number: Tensor, segment: int) -> Tensor:
    """Return the largest number of each class in a frame of each segment, [b, s, c], of those in frames, [b, t, c]."""
    b, t, classes = number.shape
    padded = torch.nn.functional.pad(number, (0, 0, 0, -t % segment))
    return padded.view(b, -(-t // segment), segment, classes).amax(2)


def _classes(name: str, kind: Tensor, mask: Tensor, classes: int) -> Tensor:
    """Return the classes, 0 outside the mask."""
    if kind.shape != mask.shape or kind.is_floating_point():
        found = f"{kind.dtype} {list(kind.shape)}".removeprefix("torch.")
        raise ShapeError(f"{name} is {found}; give integers {list(mask.shape)}")
    kind = kind.long().masked_fill(~mask, 0)
    wrong = kind[(kind < 0) | (kind >= classes)]
    if len(wrong):
        raise DataError(f"{name} holds {wrong[0].item()}; with {classes} classes, give 0 to {classes - 1}")
    return kind


def _distances(
    reference: Tensor | None, prediction: Tensor | None, rows: Tensor, columns: Tensor
) -> tuple[Tensor, Tensor] | None:
    """Return the distances of sources after checking them; None if there are none."""
    if reference is None and prediction is None:
        return None
    if reference is None or prediction is None:
        missing = "reference_distance" if reference is None else "prediction_distance"
        raise ConfigError(f"{missing} is missing; give the distances of both sides, or of neither")
    for name, distance, mask in (("reference", reference, rows), ("prediction", prediction, columns)):
        if distance.shape != mask.shape:
            raise ShapeError(f"{name}_distance is {list(distance.shape)}; give numbers {list(mask.shape)}")
        fine = distance.isfinite() & (distance > 0 if name == "reference" else distance >= 0)
        if bool((~fine & mask).any()):
            value, least = distance[~fine & mask][0].item(), "above 0" if name == "reference" else "at least 0"
            raise DataError(f"{name}_distance holds {value:g} inside the mask; it must be a number {least}")
    return reference, prediction
