"""ADPIT against hand-worked values and against all ways to give events to tracks."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from hnetzoo import DataError, ShapeError
from hnetzoo.losses import ADPITLoss, squared_euclidean_distance

X, Y, Z = torch.eye(3)


def ways(tracks: int, slots: int) -> np.ndarray:
    """Return every map of tracks to slots, integers [w, tracks]."""
    return np.array(list(product(range(slots), repeat=tracks))).reshape(-1, tracks)


def brute_force(references: Tensor, predictions: Tensor, mask: Tensor) -> np.ndarray:
    """Return the least mean squared error of each class and frame [p], over all maps of tracks to events.

    A map is allowed if each event has a track; with more events than tracks, if no event has two.
    """
    (_, m, k), n = predictions.shape, references.shape[1]
    error = squared_euclidean_distance(references, predictions).numpy()  # [p, n, m]
    orders = ways(m, n)
    covered = np.zeros((len(orders), n), dtype=bool)
    for track in range(m):
        covered[np.arange(len(orders)), orders[:, track]] = True
    events = mask.numpy()
    inside = (~covered[None] | events[:, None]).all(2)
    most = np.minimum(events.sum(1), m)[:, None]
    allowed = inside & (covered.sum(1)[None] == most)  # [p, w]
    totals = error[:, orders, np.arange(m)].sum(2)
    best = np.where(allowed, totals, np.inf).min(1)
    return np.where(events.any(1), best, predictions.square().sum((1, 2)).numpy()) / (m * k)


def random_case(
    p: int, n: int, m: int, generator: torch.Generator, share: float = 0.5
) -> tuple[Tensor, Tensor, Tensor]:
    """Return references [p, n, 3], predictions [p, m, 3] and the mask [p, n]."""
    references = torch.randn(p, n, 3, generator=generator, dtype=torch.float64)
    predictions = torch.randn(p, m, 3, generator=generator, dtype=torch.float64)
    return references, predictions, torch.rand(p, n, generator=generator) < share


def framed(points: Tensor, classes: int) -> Tensor:
    """Return problems [p, ...] as sequences [1, p / classes, classes, ...]."""
    return points.view(1, len(points) // classes, classes, *points.shape[1:])


@pytest.mark.parametrize(
    ("p", "n", "m"),
    [(1000, 3, 3), (200, 6, 3), (200, 4, 4), (100, 3, 6), (20, 5, 5), (10, 6, 6), (10, 2, 7)],
)
def test_the_loss_is_the_least_over_all_ways(p: int, n: int, m: int, generator: torch.Generator) -> None:
    references, predictions, mask = random_case(p, n, m, generator)
    references[: p // 4, -1] = references[: p // 4, 0]  # two events at one place
    hidden = references.masked_fill(~mask.unsqueeze(-1), torch.nan)
    loss = ADPITLoss()(framed(hidden, 2), framed(predictions, 2), framed(mask, 2))
    expected = brute_force(references, predictions, mask)
    assert loss.item() == pytest.approx(expected.mean(), rel=1e-12)


def test_three_tracks_have_one_six_and_six_ways_for_one_two_and_three_events() -> None:
    counts = [sum(len(set(way)) == events for way in ways(3, events)) for events in (1, 2, 3)]
    assert counts == [1, 6, 6]
    six = [sum(len(set(map(int, way))) == events for way in ways(6, events)) for events in range(1, 5)]
    assert six == [1, 62, 540, 1560]


@pytest.mark.parametrize(
    ("events", "tracks", "expected"),
    [
        ([X], [X, X, X], 0.0),  # one event, on all tracks
        ([X], [X, X, 0 * X], 1 / 9),  # a track without it errs by 1 in one of nine coordinates
        ([], [X, 0 * X, Y / 2], (1 + 0.25) / 9),  # no event: tracks are trained on zero
        ([X, Y], [Y, X, X], 0.0),
        ([X, Y], [X, X, X], 2 / 9),  # one track must take the other event
        ([X, Y], [X, Y, Z], 2 / 9),  # the third track takes either
        ([X, Y, Z], [Z, X, Y], 0.0),
        ([X, Y, Z], [X, X, Z], 2 / 9),
        ([X, X], [X, X, X], 0.0),  # two events at one place
        ([X, Y, Z, -Z], [X, Y, Z], 0.0),  # more events than tracks: the worst one trains no track
    ],
)
def test_values_equal_hand_worked_ones(events: list[Tensor], tracks: list[Tensor], expected: float) -> None:
    slots = torch.stack((*events, *[Z.new_full((3,), torch.nan)] * (4 - len(events))))
    mask = (torch.arange(4) < len(events)).view(1, 1, 1, 4)
    loss = ADPITLoss()(slots.view(1, 1, 1, 4, 3), torch.stack(tracks).view(1, 1, 1, 3, 3), mask)
    assert loss.item() == pytest.approx(expected)


def test_a_nearest_event_may_be_given_up_so_that_every_event_has_a_track() -> None:
    """Both tracks are nearer to the first event; the second one must go to the track that loses least."""
    events, tracks = torch.tensor([0.0, 10.0]).view(1, 1, 1, 2, 1), torch.tensor([1.0, 2.0]).view(1, 1, 1, 2, 1)
    assert ADPITLoss()(events, tracks).item() == (1.0 + 64.0) / 2
    assert ADPITLoss().associate(squared_euclidean_distance(events, tracks)).int().flatten(0, 2).tolist() == [
        [
            [1, 0],
            [0, 1],
        ]
    ]


def test_classes_as_numbers_equal_classes_as_an_axis(generator: torch.Generator) -> None:
    references, predictions, mask = random_case(40, 4, 3, generator)
    classes = torch.randint(0, 5, (2, 4, 4), generator=generator)
    points, present = references[:8].view(2, 4, 4, 3), mask[:8].view(2, 4, 4)
    tracks = predictions.view(2, 4, 5, 3, 3)
    by_axis = points.unsqueeze(2).expand(2, 4, 5, 4, 3)
    of_class = (classes.unsqueeze(2) == torch.arange(5).view(5, 1)) & present.unsqueeze(2)
    expected = ADPITLoss()(by_axis, tracks, of_class)
    classes = classes.masked_fill(~present, -7)
    torch.testing.assert_close(ADPITLoss()(points, tracks, present, reference_class=classes), expected)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (2, 6), (0, 3), (1, 1)])
def test_gradients_are_right(n: int, m: int, generator: torch.Generator) -> None:
    references, predictions, mask = random_case(6, n, m, generator)
    tracks = framed(predictions, 2).requires_grad_()
    assert gradcheck(lambda x: ADPITLoss()(framed(references, 2), x, framed(mask, 2)), tracks)


@pytest.mark.parametrize("shape", [(0, 2, 2, 3, 3), (2, 0, 2, 3, 3), (2, 2, 0, 3, 3), (2, 2, 2, 0, 3), (2, 2, 2, 3, 0)])
def test_empty_batches_have_finite_values_and_gradients(shape: tuple[int, ...]) -> None:
    b, t, c, n, m = shape
    tracks = torch.ones(b, t, c, m, 3, requires_grad=True)
    loss = ADPITLoss()(torch.zeros(b, t, c, n, 3), tracks)
    loss.backward()
    assert loss.item() == (1.0 if tracks.numel() else 0.0)
    assert tracks.grad.isfinite().all()


def test_tracks_outside_the_mask_are_never_read(generator: torch.Generator) -> None:
    """A longer sequence in the batch: the padded frames of the shorter one count for nothing."""
    references, predictions, mask = (framed(x, 2) for x in random_case(8, 3, 3, generator))
    exists = torch.ones(predictions.shape[:-1], dtype=torch.bool)
    exists[:, 3:] = False
    padded = predictions.masked_fill(~exists.unsqueeze(-1), torch.nan).requires_grad_()
    loss = ADPITLoss()(references, padded, mask & exists, exists)
    loss.backward()
    torch.testing.assert_close(loss, ADPITLoss()(references[:, :3], predictions[:, :3], mask[:, :3]))
    assert padded.grad.isfinite().all()
    assert not padded.grad[:, 3:].any()


@pytest.mark.parametrize(("n", "m"), [(3, 3), (5, 2), (2, 7)])
def test_every_track_and_as_many_events_as_possible_are_associated(n: int, m: int, generator: torch.Generator) -> None:
    distance = torch.rand(60, n, m, generator=generator)
    rows, columns = torch.rand(60, n, generator=generator) < 0.6, torch.rand(60, m, generator=generator) < 0.8
    pairs = ADPITLoss().associate(distance, rows, columns)
    assert not (pairs & ~(rows.unsqueeze(2) & columns.unsqueeze(1))).any()
    assert torch.equal(pairs.sum(1), (columns & rows.any(1, keepdim=True)).long())
    assert torch.equal(pairs.any(2).sum(1), torch.minimum(rows.sum(1), columns.sum(1)))
    assert ADPITLoss().associate(torch.zeros(2, 0, 3)).shape == (2, 0, 3)


def test_wrong_arguments_are_named() -> None:
    loss, tracks = ADPITLoss(), torch.zeros(1, 2, 5, 3, 3)
    with pytest.raises(ShapeError, match=r"^predictions are \[1, 2, 3\]; ADPITLoss needs \[b, t, c, m, k\]$"):
        loss(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3))
    with pytest.raises(
        ShapeError, match=r"^references are \[1, 2, 3, 3\]; .* need \[1, 2, 5, 3, 3\], or \[1, 2, 3, 3\] with"
    ):
        loss(torch.zeros(1, 2, 3, 3), tracks)
    with pytest.raises(ShapeError, match=r"^reference_mask is bool \[1, 2, 3\]; .* need bool \[1, 2, 5, 3\]$"):
        loss(torch.zeros(1, 2, 5, 3, 3), tracks, torch.ones(1, 2, 3).bool())
    with pytest.raises(ShapeError, match=r"^reference_class is float32 \[1, 2, 3\]; .* need int64 \[1, 2, 3\]$"):
        loss(torch.zeros(1, 2, 3, 3), tracks, reference_class=torch.zeros(1, 2, 3))
    with pytest.raises(ShapeError, match=r"^prediction_mask is float32 \[1, 2, 5, 3\]; .* need bool \[1, 2, 5, 3\]$"):
        loss(torch.zeros(1, 2, 5, 3, 3), tracks, None, torch.ones(1, 2, 5, 3))
    with pytest.raises(DataError, match=r"^reference_class holds 5; predictions have classes 0 to 4$"):
        loss(torch.zeros(1, 2, 3, 3), tracks, reference_class=torch.full((1, 2, 3), 5))
    with pytest.raises(DataError, match=r"^the loss is NaN"):
        loss(torch.zeros(1, 2, 5, 1, 3), tracks + torch.nan)
    with pytest.raises(DataError, match=r"^distance is nan"):
        loss(torch.zeros(1, 2, 5, 2, 3), tracks + torch.nan)
