"""The tracking loss against CLEAR counts and against its definition in Python."""

from itertools import product

import numpy as np
import pytest
import torch

import hnetzoo
from hnetzoo import ConfigError, DataError, ShapeError, UnknownNameError
from hnetzoo.losses import PermutationInvariantLoss, TrackingLoss, chordal_distance
from hnetzoo.losses.tracking import TERMS, TrackingVariant
from hnetzoo.tracking_metrics import clear_association, clear_mot, localization
from tests.losses.matchers import Affinity, Given
from tests.losses.points import directions, random_mask

MOTA_TERMS = TERMS[:3]


def defined(
    probability: np.ndarray, distance: np.ndarray, rows: np.ndarray, activity: np.ndarray, identity: np.ndarray
) -> dict[str, float]:
    """Return the terms, one slot at a time; activity is 0 where no prediction exists."""
    share = probability.copy()
    b, t, n, m = probability.shape
    for s, f, i, j in np.ndindex(b, t, n, m):
        share[s, f, i, j] /= max(1.0, probability[s, f, i].sum(), probability[s, f, :, j].sum())
    totals = dict.fromkeys((*TERMS, "mass"), 0.0)
    for s, f in product(range(b), range(t)):
        for j in range(m):
            totals["false_positives"] += activity[s, f, j] * (1 - share[s, f, :, j].sum())
        for i in np.flatnonzero(rows[s, f]):
            made = share[s, f, i] * activity[s, f]
            totals["misses"] += 1 - made.sum()
            totals["mass"] += made.sum()
            totals["distance"] += (made * distance[s, f, i]).sum()
            past = [g for g in range(f) if (share[s, g, i] * activity[s, g]).max(initial=0) > 0.5]
            if past and identity[s, past[-1], i] == identity[s, f, i]:
                last = (share[s, past[-1], i] * activity[s, past[-1]]).argmax()
                totals["switches"] += made.sum() - made[last]
    mass = max(1.0, totals.pop("mass"))
    return {name: total / (mass if name == "distance" else max(1, rows.sum())) for name, total in totals.items()}


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (2, 3), (4, 2), (10, 10), (0, 2), (2, 0)])
def test_terms_follow_their_definition(n: int, m: int, generator: torch.Generator) -> None:
    shape = (2, 6, n, m)
    logits = 3 * torch.randn(shape, generator=generator, dtype=torch.float64)
    distance = torch.rand(shape, generator=generator, dtype=torch.float64)
    rows, columns = (random_mask(2, 6, size, generator=generator) for size in (n, m))
    activity = torch.rand(2, 6, m, generator=generator, dtype=torch.float64).sqrt()
    identity = torch.randint(0, 2, (2, 6, n), generator=generator).sort(1).values
    terms = TrackingLoss(Given(logits)).terms(distance, rows, columns, activity=activity, identity=identity)
    probability = logits.sigmoid() * (rows.unsqueeze(3) & columns.unsqueeze(2))
    arrays = (tensor.numpy() for tensor in (probability, distance, rows, activity * columns, identity))
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(defined(*arrays))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (3, 2), (2, 4), (10, 10)])
@pytest.mark.parametrize("gate", [None, 0.6])
def test_with_a_hard_association_the_loss_is_one_minus_mota_and_the_mean_distance(
    n: int, m: int, gate: float | None, generator: torch.Generator
) -> None:
    distance = torch.rand(3, 20, n, m, generator=generator, dtype=torch.float64)
    masks = [random_mask(3, 20, size, generator=generator) for size in (n, m)]
    truth = clear_association(distance, *masks, gate=gate)
    counts = clear_mot(distance, *masks, gate=gate)
    terms = TrackingLoss(Given.hard(truth)).terms(distance, *masks)
    assert sum(terms[name] for name in MOTA_TERMS).item() == pytest.approx(1 - counts.mota, abs=1e-12)
    assert terms["distance"].item() == pytest.approx(counts.mean_distance, abs=1e-12)
    for name, count in zip(MOTA_TERMS, (counts.false_positives, counts.misses, counts.switches), strict=True):
        assert terms[name].item() == pytest.approx(count / counts.references, abs=1e-12)


def test_a_gated_solver_as_matcher_gives_the_metrics_of_its_matches(generator: torch.Generator) -> None:
    distance = torch.rand(2, 30, 3, 3, generator=generator)
    counts = localization(distance, gate=0.3)
    terms = TrackingLoss(hnetzoo.load_model("hungarian-gated", gate=0.3)).terms(distance)
    assert sum(terms[name] for name in MOTA_TERMS).item() == pytest.approx(1 - counts.mota, abs=1e-6)
    assert terms["distance"].item() == pytest.approx(counts.mean_distance, abs=1e-6)


def test_values_equal_a_hand_worked_example() -> None:
    """One source, two predictions: certain of the first, uncertain, certain of the second, and then no source."""
    probability = torch.tensor([[1.0, 0.0], [0.5, 0.25], [0.0, 1.0], [0.0, 0.0]]).view(1, 4, 1, 2)
    distance = torch.tensor([[0.2, 2.0], [0.4, 0.8], [2.0, 0.1], [1.0, 1.0]]).view(1, 4, 1, 2)
    rows = torch.tensor([True, True, True, False]).view(1, 4, 1)
    terms = TrackingLoss(Given(probability.logit())).terms(distance, rows)
    assert terms["misses"].item() == pytest.approx(0.25 / 3)
    assert terms["false_positives"].item() == pytest.approx((1 + 0.5 + 0.75 + 1 + 2) / 3)
    assert terms["switches"].item() == pytest.approx((0.25 + 1) / 3)
    assert terms["distance"].item() == pytest.approx((0.2 + 0.5 * 0.4 + 0.25 * 0.8 + 0.1) / 2.75)


@pytest.mark.parametrize("variant", ["deepmot", "doa-net"])
def test_a_given_association_replaces_that_of_the_matcher(variant: TrackingVariant, generator: torch.Generator) -> None:
    loss = TrackingLoss(Affinity(), variant=variant)
    distance = torch.rand(2, 5, 2, 3, generator=generator)
    rows = random_mask(2, 5, 2, generator=generator)
    association = loss.associate(distance, rows)
    asked, charged = loss.terms(distance, rows), loss.terms(3 * distance, rows, association=association)
    for name, factor in zip(TERMS, (1, 1, 1, 3), strict=True):
        torch.testing.assert_close(charged[name], factor * asked[name])


def test_a_given_association_counts_only_inside_the_masks_and_where_pairs_are_allowed() -> None:
    distance = torch.tensor([[[[0.5, torch.inf], [0.25, torch.nan]]]])
    rows = torch.tensor([[[True, False]]])
    terms = TrackingLoss(Affinity()).terms(distance, rows, association=torch.full((1, 1, 2, 2), 0.5))
    assert [term.item() for term in terms.values()] == [0.5 + 1.0, 0.5, 0.0, 0.5 * 0.5]


def test_nan_distances_are_refused_with_a_given_association() -> None:
    association, distance = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 1, 1), torch.nan)
    for loss in (TrackingLoss(Affinity()), PermutationInvariantLoss()):
        with pytest.raises(DataError, match=r"^distance is nan"):
            loss.terms(distance, association=association)
        with pytest.raises(ShapeError, match=r"^association is \[1, 1, 1\]; sequences \[1, 1, 1, 1\] need"):
            loss.terms(distance.nan_to_num(), association=association[0])


def test_weights_scale_terms_by_name(generator: torch.Generator) -> None:
    distance = torch.rand(2, 5, 2, 3, generator=generator)
    plain = TrackingLoss(Affinity()).terms(distance)
    weighted = TrackingLoss(Affinity(), weights={"switches": 3.0, "distance": 0.0}).terms(distance)
    for name, factor in zip(TERMS, (1, 1, 3, 0), strict=True):
        torch.testing.assert_close(weighted[name], factor * plain[name])


def test_the_call_sums_the_terms_of_the_distances(generator: torch.Generator) -> None:
    references, predictions = directions(2, 3, 2, generator=generator), directions(2, 3, 4, generator=generator)
    loss = TrackingLoss(Affinity()).double()
    terms = loss.terms(chordal_distance(references, predictions))
    torch.testing.assert_close(loss(references, predictions), sum(terms.values()))


def test_the_temperature_divides_the_logits(generator: torch.Generator) -> None:
    logits, distance = torch.randn(2, 5, 2, 3, generator=generator), torch.rand(2, 5, 2, 3, generator=generator)
    warm = TrackingLoss(Given(3 * logits), temperature=3.0)
    torch.testing.assert_close(warm.terms(distance), TrackingLoss(Given(logits)).terms(distance))
    torch.testing.assert_close(warm.associate(distance), logits.sigmoid())


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(UnknownNameError, match=r"^unknown term of TrackingLoss 'switch'; did you mean 'switches'\?"):
        TrackingLoss(Affinity(), weights={"switch": 1.0})
    with pytest.raises(ConfigError, match=r"^unknown variant 'doanet' of TrackingLoss"):
        TrackingLoss(Affinity(), variant="doanet")
    with pytest.raises(ConfigError, match=r"^temperature is 0; it must be positive$"):
        TrackingLoss(Affinity(), temperature=0)
    with pytest.raises(ShapeError, match=r"^expected sequences \[b, t, n, m\], got \[2, 2, 2\]"):
        TrackingLoss(Affinity()).terms(torch.rand(2, 2, 2))
    with pytest.raises(ShapeError, match=r"^activity is \[1, 3\]; sequences \[1, 3, 2, 2\] need \[1, 3, 2\]$"):
        TrackingLoss(Affinity()).terms(torch.rand(1, 3, 2, 2), activity=torch.rand(1, 3))
    with pytest.raises(DataError, match=r"^distance is nan at problem 0"):
        TrackingLoss(Affinity()).terms(torch.full((1, 1, 1, 1), torch.nan))
