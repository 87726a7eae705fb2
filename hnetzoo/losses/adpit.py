"""Auxiliary duplicating permutation-invariant training (ADPIT), the loss of class-wise tracks (multi-ACCDOA).

Of the ways to train all tracks of a class on all of its events, each event on at least one track, the cheapest is found
without enumerating them. Let d(e, j) be the squared error of track j on event e, and near(j) the least of them. Every
such way gives each event a track of its own, its anchor, and the other tracks any event, at best the nearest. So the
least total is

    sum over tracks j of near(j) + min over one-to-one anchors j(e) of sum over events e of d(e, j(e)) - near(j(e)),

a linear assignment problem, and only where a class has several events in a frame. Three tracks have 1, 6 and 6 ways for
one, two and three events, the 13 of DCASE's baseline; six tracks have 4683.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hnetzoo.association.assignment import assign
from hnetzoo.association.masking import allowed_pairs, checks_values
from hnetzoo.errors import DataError, ShapeError
from hnetzoo.losses.distances import masked_distance, squared_euclidean_distance


class ADPITLoss(nn.Module):
    """Exact ADPIT loss for any number of tracks, classes and events.

    For every class of every frame, each of its events trains at least one track of the class, and each track is trained
    on one event, so that fewer events than tracks are duplicated over them; of all such ways the one of the least
    squared error counts. Without an event, all tracks are trained on zero. The loss is the mean of the squared error
    over sequences, frames, classes, tracks and coordinates. With more events than tracks, which the paper leaves open,
    every track is trained on an event of its own, and those that fit worst train none.

    Points are activity-coupled: as predictions vectors whose length is the activity, as references unit vectors, or
    (x, y, z, source distance), any number of coordinates. Gradients flow through the error, not through the choice.

    Example:
        >>> speech = torch.eye(3)[:2].view(1, 1, 1, 2, 3)  # one class with two events, at x and at y
        >>> tracks = torch.eye(3)[[1, 0, 0]].view(1, 1, 1, 3, 3)
        >>> ADPITLoss()(speech, tracks).item()  # the third track repeats the event of the second
        0.0
        >>> ADPITLoss()(speech, tracks, torch.zeros(1, 1, 1, 2).bool()).item()  # 3 tracks of length 1, 9 coordinates
        0.3333333432674408

    Source: K. Shimada et al., "Multi-ACCDOA: localizing and detecting overlapping sounds from the same class with
    auxiliary duplicating permutation invariant training", ICASSP 2022, section 3; the loss of DCASE's task 3 baselines
    since 2022.
    """

    def forward(
        self,
        references: Tensor,
        predictions: Tensor,
        reference_mask: Tensor | None = None,
        prediction_mask: Tensor | None = None,
        *,
        reference_class: Tensor | None = None,
    ) -> Tensor:
        """Return the loss between points.

        Args:
            references: Float [b, t, c, n, k]: b sequences of t frames with n slots for events of each of c classes; or
                [b, t, n, k], slots for events of any class, with `reference_class`.
            predictions: Float [b, t, c, m, k], m tracks of each class.
            reference_mask: Bool [b, t, c, n], or [b, t, n], True where there is an event; None means all True.
            prediction_mask: Bool [b, t, c, m], True where the track exists, for sequences of different lengths; None
                means all True.
            reference_class: Integer [b, t, n], from 0 to c - 1; None if the references have an axis of classes.

        Returns:
            A scalar; 0 if no track exists.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If an error inside the masks is NaN, or a class there is none of the predictions.
        """
        references, rows = _by_class(references, predictions, reference_mask, reference_class)
        _check("prediction_mask", prediction_mask, torch.bool, predictions.shape[:-1])
        events, tracks = references.flatten(0, 2), predictions.flatten(0, 2)
        columns = None if prediction_mask is None else prediction_mask.flatten(0, 2)
        error = tracks - _targets(events, tracks.detach(), rows, columns)
        if columns is not None:
            error = error.masked_fill(~columns.unsqueeze(-1), 0.0)
        existing = error.shape[:2].numel() if columns is None else columns.sum().clamp(min=1)
        loss = error.square().sum() / (existing * error.shape[2] or 1)
        if checks_values() and bool(loss.isnan()):
            raise DataError("the loss is NaN: a reference or prediction inside the masks is NaN or infinite; mask it")
        return loss

    def associate(
        self, distance: Tensor, reference_mask: Tensor | None = None, prediction_mask: Tensor | None = None
    ) -> Tensor:
        """Return which event each track is trained on; an event may have several tracks.

        Args:
            distance: Float [..., n, m], errors of events and tracks of the same class; +inf forbids a pair.
            reference_mask: Bool [..., n]; None means all True.
            prediction_mask: Bool [..., m]; None means all True.

        Returns:
            Bool [..., n, m], one True per existing track if there is an event for it.

        Raises:
            ShapeError: If the shapes do not fit.
            DataError: If a distance inside the masks is NaN.

        Example:
            >>> ADPITLoss().associate(torch.tensor([[0.0, 0.1, 0.2], [0.9, 0.3, 0.8]])).int().tolist()
            [[1, 0, 1], [0, 1, 0]]
        """
        *leading, n, m = distance.shape
        if distance.numel() == 0:
            return torch.zeros_like(distance, dtype=torch.bool)
        rows = None if reference_mask is None else reference_mask.reshape(-1, n)
        columns = None if prediction_mask is None else prediction_mask.reshape(-1, m)
        chosen, found = _choose(distance.detach().reshape(-1, n, m), rows, columns)
        index = torch.arange(n, device=distance.device).view(1, n, 1)
        pairs = (chosen.unsqueeze(1) == index) & found.unsqueeze(1)
        return pairs.reshape(*leading, n, m)


def _by_class(
    references: Tensor, predictions: Tensor, mask: Tensor | None, classes: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Return events [b, t, c, n, k] and their mask [p, n], p = b t c, from either form of the references."""
    if predictions.ndim != 5:
        raise ShapeError(f"predictions are {list(predictions.shape)}; ADPITLoss needs [b, t, c, m, k]")
    b, t, c, _, k = predictions.shape
    n, leading = references.shape[-2], (b, t) if classes is not None else (b, t, c)
    if references.shape != (*leading, n, k):
        raise ShapeError(
            f"references are {list(references.shape)}; predictions {list(predictions.shape)} need "
            f"{[b, t, c, n, k]}, or {[b, t, n, k]} with reference_class"
        )
    _check("reference_mask", mask, torch.bool, (*leading, n))
    if classes is None:
        return references, None if mask is None else mask.flatten(0, 2)
    _check("reference_class", classes, torch.int64 if classes.is_floating_point() else classes.dtype, (b, t, n))
    wrong = (classes < 0) | (classes >= c) if mask is None else mask & ((classes < 0) | (classes >= c))
    if checks_values() and bool(wrong.any()):
        raise DataError(f"reference_class holds {classes[wrong][0].item()}; predictions have classes 0 to {c - 1}")
    of_class = classes.unsqueeze(2) == torch.arange(c, device=classes.device).view(c, 1)  # [b, t, c, n]
    events = references.unsqueeze(2).expand(b, t, c, n, k)
    return events, (of_class if mask is None else of_class & mask.unsqueeze(2)).flatten(0, 2)


def _check(name: str, tensor: Tensor | None, dtype: torch.dtype, shape: Sequence[int]) -> None:
    """Raise ShapeError if a tensor is given that does not have this type and shape."""
    if tensor is not None and (tensor.dtype != dtype or tensor.shape != tuple(shape)):
        given, expected = (
            f"{kind} {list(size)}".removeprefix("torch.")
            for kind, size in ((tensor.dtype, tensor.shape), (dtype, shape))
        )
        raise ShapeError(f"{name} is {given}; these references and predictions need {expected}")


def _choose(distance: Tensor, rows: Tensor | None, columns: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the event of each track, int64 [p, m], and whether it has one, bool [p, m], for errors [p, n, m]."""
    allowed = allowed_pairs(distance, rows, columns)
    near, nearest = distance.masked_fill(~allowed, torch.inf).min(1)
    found = allowed.any(1)
    anchors = assign(distance - near.masked_fill(~found, 0.0).unsqueeze(1), rows, columns)
    return torch.where(anchors.any(1), anchors.long().argmax(1), nearest), found


def _targets(events: Tensor, tracks: Tensor, rows: Tensor | None, columns: Tensor | None) -> Tensor:
    """Return the points that tracks [p, m, k] are trained on: of events [p, n, k], or 0 where there is none."""
    p, m, k = tracks.shape
    if events.shape[1] == 0:
        return torch.zeros_like(tracks)
    rows = torch.ones(p, events.shape[1], dtype=torch.bool, device=events.device) if rows is None else rows
    number = rows.sum(1)
    chosen = rows.long().argmax(1).unsqueeze(1).repeat(1, m)  # the only event, if there is one
    several = (number > 1).nonzero().squeeze(1)
    if len(several):
        masks = (rows[several], None if columns is None else columns[several])
        distance = masked_distance(squared_euclidean_distance, events[several], tracks[several], *masks)
        chosen[several] = _choose(distance, *masks)[0]
    targets = events.gather(1, chosen.unsqueeze(-1).expand(p, m, k))
    return targets.masked_fill((number == 0).view(p, 1, 1), 0.0)
